// SPDX-License-Identifier: MIT
// The character device as a file: open, release, the mapping of descriptors, user copy; and what is
// told of a device.
#include "twin/ublk_core.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::twin {

int ublk_core::open_char(std::uint32_t id, process& who, open_file& f) {
    ublk_device* d = find(id);
    const bool exists = d != nullptr && !d->deleted;
    rules::call facts;
    facts.char_exists = exists;
    if (exists) {
        facts.may_open = who.who().admin || who.who().uid == d->info.owner_uid;
        facts.char_open = d->open;
    }
    if (const int code = judge(rules::subject::open_char, facts)) return code;
    get(*d);
    d->open = true;
    d->opener = &who;
    d->opener_pid = who.pid();
    f.device = d;
    log().add("device {}: opened by process {}", id, static_cast<std::uint64_t>(who.pid()));
    return 0;
}

void ublk_core::release_char(open_file& f) {
    ublk_device* d = f.device;
    if (d == nullptr || d->freed) return;
    f.device = nullptr;
    log().add("device {}: the last reference to its file is gone", d->id);
    if (at_least(6, 15)) {
        exec.start_worker("ublk release", [this, d] { end_of_file(*d); });
        return;
    }
    d->open = false;
    d->opener = nullptr;
    // Of a queue without a waiting command nobody hears of the end but a monitor, or a timeout.
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t after =
        at_least(6, 7) ? 30 * second : home.choices().between(1, 5 * second);
    const bool unnoticed = d->state() == uapi::device_state::live && !d->ending_scheduled;
    if (unnoticed) schedule_end_of_server(*d, after);
    else if (d->started != 0) schedule_abort(*d, after);
    changed(*d);
    put(*d);
}

int ublk_core::map(open_file& f, process& who, std::uint64_t bytes, std::uint64_t offset,
                   bool writable, bool shared, std::span<const std::byte>& at) {
    ublk_device& d = *f.device;
    rules::call facts = d.queues[0].facts;
    facts.opened_for_reading = f.readable;
    facts.opened_for_writing = f.writable;
    facts.map_writable = writable;
    facts.map_shared = shared;
    facts.position = offset;
    facts.bytes = bytes;
    facts.mapped_by_other = d.mapper != nullptr && d.mapper != &who;
    const int code = judge(rules::subject::map_descriptors, facts);
    // A try that fails in the driver counts as well.
    if (f.readable && bytes != 0 && d.mapper == nullptr) d.mapper = &who;
    if (code != 0) return code;
    const std::uint64_t stride =
        uapi::descriptor_stride(facts.descriptor_bytes.value(), version.page_bytes);
    at = d.descriptors.map(static_cast<std::uint16_t>(offset / stride));
    return at.empty() ? -ENOMEM : 0;
}

std::int64_t ublk_core::copy(open_file& f, std::uint64_t position, std::span<std::byte> memory,
                             bool to_server, task who, bool user_memory) {
    ublk_device& d = *f.device;
    const uapi::user_copy_place place = uapi::user_copy_place_of(position);
    const bool in_range = place.q_id < d.queues.size() && place.tag < d.info.queue_depth;
    ublk_queue& q = d.queues[in_range ? place.q_id : 0];
    slot* s = in_range ? &q.slots[place.tag] : nullptr;
    rules::call& facts = q.facts;
    uring_command caller;
    caller.who = who;
    facts.slot_owned = false;
    if (s != nullptr) fill_slot(facts, *s, caller);
    facts.state = d.state();
    facts.position = position;
    facts.user_memory = user_memory;
    const rules::subject about = to_server ? rules::subject::read_data : rules::subject::write_data;
    if (const int code = judge(about, facts)) return code;
    block_request& r = *s->request;
    const std::size_t bytes = std::min<std::size_t>(bytes_of(r) - place.offset, memory.size());
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    log().add("queue {} tag {}: user copy of {} bytes from {}", q.id, place.tag, bytes,
              place.offset);
    const std::size_t copied = to_server ? copy_to_server(address, r.data + place.offset, bytes)
                                         : copy_from_server(r.data + place.offset, address, bytes);
    // Before 6.18 the caller is told what it asked for, also where the request ends earlier.
    const bool clipped = at_least(6, 18) || copied < bytes || bytes == 0;
    return static_cast<std::int64_t>(clipped ? copied : memory.size());
}

std::string ublk_core::describe(const ublk_device& d) const {
    static constexpr const char* states[] = {"dead", "live", "quiesced", "fail_io"};
    std::string text =
        fmt::format("device {}: {}{}{}{}{}, {} references", d.id, states[d.info.state & 3],
                    d.open ? ", ublkc open" : "", d.used ? ", disk used" : "",
                    d.cancelling ? ", cancelling" : "", d.deleted ? ", deleted" : "", d.references);
    if (d.mutex.held()) text += ", its mutex is held";
    for (const ublk_queue& q : d.queues) {
        text += fmt::format("; queue {}: {} of {} fetched", q.id, q.fetched, q.slots.size());
        for (const slot& s : q.slots) {
            if (s.request == nullptr) continue;
            text += fmt::format(", tag {} (op {} at {}) {}", s.tag,
                                static_cast<unsigned>(s.request->op), s.request->sector,
                                s.delivering ? "on its way" : "in the server's hands");
            if (s.request->references != 0) text += " and registered";
        }
    }
    return text;
}

}  // namespace ashlar::twin
