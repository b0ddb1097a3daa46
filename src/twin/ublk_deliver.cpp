// SPDX-License-Identifier: MIT
// A request's way to the server: from the block layer to the slot of its tag, and from there, in
// the thread that owns the slot, to the server's memory.
#include "twin/ublk_core.hpp"

#include <array>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define TWIN_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TWIN_POISONS 1
#endif
#endif
#ifdef TWIN_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace ashlar::twin {

namespace {

constexpr std::uint64_t retry_ns = 3'000'000;
constexpr std::uint32_t scribble_max = 64 << 10;

#ifndef TWIN_POISONS
constexpr auto pattern_byte = std::byte{0xdb};

const std::byte* pattern() {
    static const auto bytes = [] {
        std::array<std::byte, scribble_max> b;
        b.fill(pattern_byte);
        return b;
    }();
    return bytes.data();
}
#endif

void deliver_slot(void* object, std::uint64_t serial) {
    auto& s = *static_cast<slot*>(object);
    if (s.serial != serial || !s.delivering) return;  // it was put back meanwhile
    s.home->home->core.deliver(s);
}

}  // namespace

void ublk_core::queue_request(ublk_device& d, block_request& r) {
    ublk_queue& q = d.queues[r.queue];
    slot& s = q.slots[r.tag];
    if (q.fail_io) return blocks().fail(r, -EREMOTEIO);
    if (d.queues_io() && q.force_abort) return blocks().fail(r, -EIO);
    if (q.cancelling) {
        if (d.queues_io()) return blocks().requeue(r, os::no_timeout);
        return blocks().fail(r, -EIO);
    }
    const bool deaf = !d.batch() && (s.command == nullptr || s.command->home == nullptr ||
                                     s.command->home->closing);
    if (!s.active || deaf) return blocks().fail(r, -EIO);
    r.started_ns = exec.now();
    r.committed = r.in_place = false;
    s.request = &r;
    s.delivering = true;
    s.serial += 1;
    d.started += 1;
    if (d.has(uapi::f_unprivileged_dev) && !d.watched && at_least(6, 3)) watch_for_timeouts(d);
    if (d.batch()) {
        q.arrived.push_back(s.tag);
        next_fetch(q);
    } else {
        s.command->home->add_work(s.command->who,
                                  {.run = deliver_slot, .object = &s, .argument = s.serial});
    }
}

// In the thread that owns the slot.
void ublk_core::deliver(slot& s) {
    ublk_queue& q = *s.home;
    ublk_device& d = *q.home;
    block_request& r = *s.request;
    uring_command& c = *s.command;
    if (!at_least(6, 16) && q.daemon != 0 && c.who != q.daemon) {
        forget_request(s);
        return abort(d, r, false);
    }
    const bool asks = d.has(uapi::f_need_get_data) && !s.owned &&
                      (r.op == uapi::op::write || (r.op == uapi::op::flush && !at_least(6, 2)));
    if (asks) {
        check_scribble(s);
        describe_request(s, r.flags, r.sectors, s.address);
        s.delivering = s.active = false;
        s.owned = s.wants_data = true;
        s.command = nullptr;
        log().add("queue {} tag {}: asks for a buffer", q.id, s.tag);
        return ring::complete(c, uapi::io_res_need_get_data);
    }
    if (!hand_over(s, c.home)) return;
    s.command = nullptr;
    ring::complete(c, uapi::io_res_ok);
}

// The request becomes the server's. False: it was put back or has failed, and the slot still waits.
bool ublk_core::hand_over(slot& s, ring* where) {
    ublk_queue& q = *s.home;
    ublk_device& d = *q.home;
    block_request& r = *s.request;
    check_scribble(s);
    std::uint32_t sectors = r.sectors, flags = r.flags;
    std::uint64_t address = s.address;
    if (!bring_data(s, r, sectors, address, flags)) {
        log().add("queue {} tag {}: the buffer can't be written", q.id, s.tag);
        forget_request(s);
        s.owned = false;
        d.started -= 1;
        blocks().requeue(r, retry_ns);
        return false;
    }
    if (d.has(uapi::f_auto_buf_reg) && has_data(r) && !register_automatically(s, where)) {
        if (!s.fallback) {
            log().add("queue {} tag {}: automatic registration fails", q.id, s.tag);
            forget_request(s);
            d.started -= 1;
            blocks().fail(r, -EIO);
            return false;
        }
        flags |= uapi::io_f_need_reg_buf;
    }
    describe_request(s, flags, sectors, address);
    s.delivering = s.active = s.wants_data = false;
    s.owned = true;
    log().add("queue {} tag {}: op {} at sector {} is delivered", q.id, s.tag,
              static_cast<std::uint64_t>(r.op), r.sector);
    if (d.watchers != 0) changed(d);
    return true;
}

// Copies what the server is to write, where that is the driver's work.
bool ublk_core::bring_data(slot& s, block_request& r, std::uint32_t& sectors,
                           std::uint64_t& address, std::uint32_t& flags) {
    const ublk_device& d = *s.home->home;
    if (const shared_memory* shared = shared_by(d, r)) {
        r.in_place = true;
        flags |= uapi::io_f_shmem_zc;
        const std::uint64_t offset = reinterpret_cast<std::uintptr_t>(r.data) - shared->address;
        address = offset | static_cast<std::uint64_t>(shared->index) << 32;
        return true;
    }
    if (!d.copies() || r.op != uapi::op::write) return true;
    const std::size_t copied = copy_to_server(s.address, r.data, bytes_of(r));
    if (copied == 0) return false;
    s.used_address = s.address;
    s.used_bytes = static_cast<std::uint32_t>(copied);
    sectors = static_cast<std::uint32_t>(copied / uapi::sector_bytes);
    return true;
}

const shared_memory* ublk_core::shared_by(const ublk_device& d, const block_request& r) const {
    if (d.shared.empty() || !has_data(r)) return nullptr;
    const auto at = reinterpret_cast<std::uintptr_t>(r.data);
    for (const shared_memory& m : d.shared) {
        const bool inside = at >= m.address && at + bytes_of(r) <= m.address + m.bytes;
        if (inside && (!m.read_only || r.op == uapi::op::write)) return &m;
    }
    return nullptr;
}

void ublk_core::describe_request(slot& s, std::uint32_t flags, std::uint32_t sectors,
                                 std::uint64_t address) {
    const block_request& r = *s.request;
    const ublk_device& d = *s.home->home;
    // Buffer and automatic registration share a field of the driver's.
    std::uint64_t told = d.copies() ? address : 0;
    if (d.has(uapi::f_auto_buf_reg) && !d.batch() && at_least(7, 0)) told = s.word;
    s.home->home->descriptors.at(s.home->id,
                                 s.tag) = {.op_flags = static_cast<std::uint32_t>(r.op) | flags,
                                           .nr_sectors = sectors,
                                           .start_sector = r.sector,
                                           .addr = told};
}

// The slot has no request any more; an event that was to deliver it is void.
void ublk_core::forget_request(slot& s) {
    s.request = nullptr;
    s.delivering = false;
    s.serial += 1;
}

std::optional<int> ublk_core::give_data(slot& s, uring_command& c, const uapi::io_cmd& io) {
    ublk_queue& q = *s.home;
    s.address = io.addr;
    if (s.request == nullptr) return -EINVAL;
    if (at_least(6, 16)) {
        s.delivering = true;
        if (hand_over(s, c.home)) return 0;
        wait_with(s, c);
        return std::nullopt;
    }
    s.command = &c;
    c.slot = &s;
    s.active = true;
    s.wants_data = false;
    s.delivering = true;
    s.serial += 1;
    log().add("queue {} tag {}: a buffer for the request", q.id, s.tag);
    c.home->add_work(c.who, {.run = deliver_slot, .object = &s, .argument = s.serial});
    return std::nullopt;
}

// ---- buffers that are the kernel's ----

// Only where the kernel may write to the buffer, and as far as the last request went.
void ublk_core::scribble(slot& s) {
    ublk_device& d = *s.home->home;
    if (!home.options().manner.scribble) return;
    std::memset(static_cast<void*>(&d.descriptors.at(s.home->id, s.tag)), 0xa5,
                sizeof(uapi::io_desc));
    const bool read_only = (d.params.basic.attrs & uapi::attr_read_only) != 0;
    if (!d.copies() || d.has(uapi::f_need_get_data) || read_only) return;
    if (s.used_bytes == 0 || s.address != s.used_address) return;
    s.used_bytes = std::min(s.used_bytes, scribble_max);
#ifdef TWIN_POISONS
    ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(s.address), s.used_bytes);
    s.scribbled = true;
#else
    s.scribbled = process::copy_out(s.address, pattern(), s.used_bytes);
#endif
}

void ublk_core::unscribble(slot& s) {
#ifdef TWIN_POISONS
    if (s.scribbled) {
        ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(s.used_address), s.used_bytes);
    }
#endif
    s.scribbled = false;
}

void ublk_core::check_scribble(slot& s) {
    if (!s.scribbled) return;
#ifndef TWIN_POISONS
    static thread_local std::array<std::byte, scribble_max> seen;
    if (process::copy_in(seen.data(), s.used_address, s.used_bytes) &&
        std::memcmp(seen.data(), pattern(), s.used_bytes) != 0) {
        accuse(s, "the server wrote to a buffer that was not its own", s.used_bytes);
    }
#endif
    unscribble(s);
}

}  // namespace ashlar::twin
