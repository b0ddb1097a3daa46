// SPDX-License-Identifier: MIT
#include "explain/history.hpp"

#include "explain/words.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::explain {

using rules::subject;

namespace {

std::uint32_t id_of(const ring_call& c) { return load<std::uint32_t>(c.entry, 48); }

bool is_batch_of_tags(subject s) {
    return s == subject::prep_io_cmds || s == subject::commit_io_cmds;
}

// The tags of the elements of a batch.
std::vector<std::uint16_t> tags_of(const ring_call& c) {
    const auto count = load<std::uint16_t>(c.entry, 52);
    const std::size_t bytes = load<std::uint8_t>(c.entry, 54);
    const auto elements = c.payload();
    std::vector<std::uint16_t> tags;
    for (std::size_t i = 0; i < count && (i + 1) * bytes <= elements.size(); ++i) {
        tags.push_back(load<std::uint16_t>(elements, i * bytes));
    }
    return tags;
}

}  // namespace

subject ring_call::about() const { return subject_of_number(load<std::uint32_t>(entry, 8)); }
std::uint64_t ring_call::user_data() const { return load<std::uint64_t>(entry, 32); }
int ring_call::fd() const { return load<std::int32_t>(entry, 4); }
std::vector<std::uint8_t> ring_call::payload() const {
    return payloads.empty() ? std::vector<std::uint8_t>{} : payloads.front();
}

const history::device* history::device_of_path(const std::string& path) const {
    const auto digits = path.find_last_not_of("0123456789") + 1;
    const auto id = number_of_word(std::string_view(path).substr(std::min(digits, path.size())));
    if (!path.starts_with("/dev/ublk") || !id) return nullptr;
    const auto found = devices_.find(static_cast<std::uint32_t>(*id));
    return found == devices_.end() ? nullptr : &found->second;
}

const history::device* history::device_of(const ring_call& c) const {
    if (!is_control(c.about())) {
        const auto file = files_.find(c.fd());
        if (file != files_.end()) return device_of_path(file->second);
        // Where nobody shows what was opened, and there is one device, it is that.
        return devices_.size() == 1 ? &devices_.begin()->second : nullptr;
    }
    const auto found = devices_.find(id_of(c));
    return found == devices_.end() ? nullptr : &found->second;
}

bool history::queue_fetched(const device& d, std::uint16_t queue) const {
    const auto own = std::ranges::count_if(
        d.slots, [&](const auto& s) { return s.first.first == queue && !s.second.owner.empty(); });
    return own >= d.info.queue_depth;
}

bool history::all_fetched(const device& d) const {
    for (std::uint16_t q = 0; q < d.info.nr_hw_queues; ++q) {
        if (!queue_fetched(d, q)) return false;
    }
    return d.info.nr_hw_queues != 0;
}

void history::fetched(device& d, place at, const std::string& who) {
    d.slots[at] = {.active = true, .owner = who.empty() ? "?" : who};
    d.daemons[at.first] = who;
    d.was_ready = d.was_ready || queue_fetched(d, at.first);
}

// What an I/O command does if it is taken, which shows only by its not being refused.
void history::submitted(const ring_call& c) {
    const subject about = c.about();
    device* d = device_of(c);
    if (d == nullptr) return;
    const place at{load<std::uint16_t>(c.entry, 48), load<std::uint16_t>(c.entry, 50)};
    const bool known = at.first < d->info.nr_hw_queues && at.second < d->info.queue_depth;
    if (about == subject::fetch_req && known) {
        before_[&c] = {at, d->slots[at]};
        fetched(*d, at, c.thread);
    } else if ((about == subject::commit_and_fetch_req || about == subject::need_get_data) &&
               known) {
        before_[&c] = {at, d->slots[at]};
        slot& s = d->slots[at];
        s.active = true;
        s.owned = s.wants_data = false;
    }
}

void history::completed(const ring_call& c, std::int64_t result) {
    device* d = device_of(c);
    const auto saved = before_.find(&c);
    if (d != nullptr && saved != before_.end()) {
        auto& [at, slot_before] = saved->second;
        if (result == -ENODEV) d->slots[at].active = d->slots[at].owned = false;
        else if (result < 0) d->slots[at] = slot_before;
        else {
            slot& s = d->slots[at];
            s.active = false;
            s.owned = true;
            s.wants_data = result == 1;
        }
        before_.erase(saved);
    }
    // A refused SET_PARAMS may have cost the parameters.
    if (result < 0 && d != nullptr && c.about() == subject::set_params) d->types.reset();
    if (result < 0) return;
    if (is_control(c.about())) admins_[c.thread] = true;
    if (c.about() == subject::add_dev) {
        const auto sent = c.payload();
        const auto info = load<uapi::ctrl_dev_info>(sent, 0);
        // Where the log does not show what was sent, an answer may follow.
        if (!sent.empty() && info.dev_id != uapi::device_id_auto)
            devices_[info.dev_id] = {.info = info, .made = true};
        made_last_ = true;
    } else if (d != nullptr) {
        took_effect(c, *d);
    }
}

void history::took_effect(const ring_call& c, device& d) {
    using state = uapi::device_state;
    const auto become = [&](state s) { d.info.state = static_cast<std::uint16_t>(s); };
    switch (c.about()) {
        case subject::set_params:
            d.types = d.types.value_or(0) | load<std::uint32_t>(c.payload(), 4);
            break;
        case subject::start_dev:
        case subject::end_user_recovery:
            become(state::live);
            d.had_disk = true;
            break;
        case subject::stop_dev:
        case subject::try_stop_dev:
            become(state::dead);
            d.stopping = d.opens > 0;
            round_ends(d);
            break;
        case subject::quiesce_dev:
            become(state::quiesced);
            round_ends(d);
            break;
        case subject::start_user_recovery: round_ends(d); break;
        case subject::del_dev:
        case subject::del_dev_async: d.gone = true; break;
        case subject::prep_io_cmds:
            for (std::uint16_t tag : tags_of(c)) {
                fetched(d, {load<std::uint16_t>(c.entry, 48), tag}, c.thread);
            }
            break;
        case subject::commit_io_cmds:
            for (std::uint16_t tag : tags_of(c)) {
                d.slots[{load<std::uint16_t>(c.entry, 48), tag}].owned = false;
            }
            break;
        default: break;
    }
}

// Until the tags are fetched anew nobody has any.
void history::round_ends(device& d) {
    for (auto& [at, s] : d.slots) s.active = s.owned = s.wants_data = false;
}

void history::answered(std::span<const std::uint8_t> bytes) {
    const auto info = load<uapi::ctrl_dev_info>(bytes, 0);
    device& d = devices_[info.dev_id];
    if (d.gone) d = {};
    d.info = info;
    d.made = d.made || made_last_;
    made_last_ = false;
}

void history::delivered(const ring_call& c, std::span<const std::uint8_t> bytes) {
    device* d = device_of(c);
    if (d == nullptr || is_control(c.about())) return;
    const auto s =
        d->slots.find({load<std::uint16_t>(c.entry, 48), load<std::uint16_t>(c.entry, 50)});
    if (s == d->slots.end() || !s->second.owned) return;
    s->second.request = load<uapi::io_desc>(bytes, 0);
}

void history::opened(int fd, const std::string& path, const std::string& thread) {
    files_[fd] = path;
    if (!path.starts_with("/dev/ublkc")) return;
    auto* d = const_cast<device*>(device_of_path(path));
    if (d == nullptr) return;
    d->opens += 1;
    d->opener = thread;
    d->stopping = false;
    d->slots.clear();
    d->daemons.clear();
}

void history::released(const std::string& path) {
    auto* d = const_cast<device*>(device_of_path(path));
    if (d != nullptr && path.starts_with("/dev/ublkc") && d->opens > 0) d->opens -= 1;
}

void history::closed(int fd) {
    const auto file = files_.find(fd);
    if (file == files_.end()) return;
    released(file->second);
    files_.erase(file);
}

void history::mapped(int fd, const std::string& address) {
    const auto file = files_.find(fd);
    if (file == files_.end()) return;
    maps_[address] = file->second;
    auto* d = const_cast<device*>(device_of_path(file->second));
    if (d != nullptr) d->opens += 1;
}

void history::unmapped(const std::string& address) {
    const auto map = maps_.find(address);
    if (map == maps_.end()) return;
    released(map->second);
    maps_.erase(map);
}

void history::ended(const std::string& thread) {
    for (auto& [id, d] : devices_) {
        const bool has = d.opener == thread || std::ranges::any_of(d.slots, [&](const auto& s) {
                             return s.second.owner == thread;
                         });
        if (has) d.unsure = true;
    }
}

// ---- what it comes to ---------------------------------------------------------------------------

void history::tell_device(evidence& seen, const device& d) const {
    rules::call& c = seen.c;
    c.device_exists = !d.gone;
    if (d.gone) return;
    c.flags = d.info.flags;
    c.queues = d.info.nr_hw_queues;
    c.depth = d.info.queue_depth;
    c.max_io = d.info.max_io_buf_bytes;
    c.descriptor_bytes =
        d.info.io_desc_size == 0 ? uapi::io_desc_size_default : d.info.io_desc_size;
    if (d.types && d.made) c.stored_types = *d.types;
    if (d.made || d.was_ready) c.any_queue_was_ready = d.was_ready;
    if (d.unsure) return;
    const auto state = static_cast<uapi::device_state>(d.info.state);
    c.state = state;
    if (d.made || d.stopping) c.stopping = d.stopping;
    c.disk_present = state != uapi::device_state::dead;
    if (state == uapi::device_state::live) c.disk_used = true;
    else if (d.made && !d.had_disk) c.disk_used = false;
    if (d.made) c.all_fetched = all_fetched(d);
    if (d.opens > 0) {
        c.char_open = true;
        c.id_free = false;  // DEL_DEV waits for them
    }
    // Who opened it before the log began is not known.
    else if (d.made)
        c.char_open = false;
}

void history::tell_slot(evidence& seen, const device& d, place at, const std::string& who) const {
    if (d.unsure || (d.info.flags & uapi::f_batch_io) != 0) return;
    const auto found = d.slots.find(at);
    // Where the log does not begin with ADD_DEV, a tag may have been fetched before.
    const bool seen_before = found != d.slots.end() && !found->second.owner.empty();
    if (!seen_before && !d.made) return;
    const slot s = found == d.slots.end() ? slot{} : found->second;
    seen.c.slot_active = s.active;
    seen.c.slot_owned = s.owned;
    seen.c.slot_wants_data = s.wants_data;
    seen.c.queue_fetched = queue_fetched(d, at.first);
    if (s.request) {
        const auto op = uapi::op_of(s.request->op_flags);
        const bool data =
            op != uapi::op::flush && op != uapi::op::discard && op != uapi::op::write_zeroes;
        seen.c.request_op = op;
        seen.c.request_has_data = data;
        seen.c.request_bytes = data ? std::uint64_t{s.request->nr_sectors} * 512 : 0;
    }
    if (who.empty()) return;
    seen.c.caller_owns_slot = s.owner == who;
    const auto daemon = d.daemons.find(at.first);
    seen.c.other_daemon = daemon != d.daemons.end() && daemon->second != who;
}

void history::tell(evidence& seen, const ring_call& c) const {
    const auto file = files_.find(c.fd());
    using kind = rules::call::file_kind;
    if (file != files_.end()) {
        seen.c.file = file->second == "/dev/ublk-control"      ? kind::control
                      : file->second.starts_with("/dev/ublkc") ? kind::character
                                                               : kind::other;
    }
    if (const auto who = admins_.find(c.thread); who != admins_.end()) seen.c.admin = true;
    if (const device* d = device_of(c)) {
        tell_device(seen, *d);
        if (is_control(c.about())) {
            if (!c.thread.empty() && d->opener == c.thread) {
                seen.c.pid_is_opener = seen.c.data.is([&](auto pid) {
                    return std::to_string(pid) == d->opener;
                }) == rules::maybe(true);
            }
        } else if (!is_batch_of_tags(c.about())) {
            tell_slot(seen, *d,
                      {load<std::uint16_t>(c.entry, 48), load<std::uint16_t>(c.entry, 50)},
                      c.thread);
        }
    }
    if (c.about() == subject::add_dev && seen.c.info.known()) {
        const auto found = devices_.find(seen.info.dev_id);
        const bool held = found != devices_.end() && found->second.opens > 0;
        if (found != devices_.end()) seen.c.id_taken = !found->second.gone || held;
    }
}

void history::tell_file(evidence& seen, const std::string& path) const {
    const device* d = device_of_path(path);
    if (d == nullptr) return;
    tell_device(seen, *d);
    const bool moves = seen.about == subject::read_data || seen.about == subject::write_data;
    if (!moves || !seen.c.position.known()) return;
    const auto at = uapi::user_copy_place_of(seen.c.position.value());
    const place tag{at.q_id, at.tag};
    tell_slot(seen, *d, tag, {});
}

}  // namespace ashlar::explain
