// SPDX-License-Identifier: MIT
// Control commands: who they are, whom they are about, whether they are allowed.
#include "twin/ublk_core.hpp"

#include <algorithm>
#include <cstring>

namespace ashlar::twin {

namespace {

// Path of the device's own node, as far as the model has nodes.
std::optional<std::uint32_t> char_node_id(const std::string& path) {
    constexpr std::string_view prefix = "/dev/ublkc";
    if (!path.starts_with(prefix) || path.size() == prefix.size() || path.size() > 18) return {};
    std::uint32_t id = 0;
    for (char digit : std::string_view(path).substr(prefix.size())) {
        if (digit < '0' || digit > '9') return {};
        id = id * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    return id;
}

// Handled where the submission is, from 7.0 on.
bool never_sleeps(uapi::ctrl_op op) {
    return op == uapi::ctrl_op::get_queue_affinity || op == uapi::ctrl_op::get_dev_info ||
           op == uapi::ctrl_op::get_dev_info2 || op == uapi::ctrl_op::get_features;
}

uapi::ctrl_op op_of(const uring_command& c) {
    return static_cast<uapi::ctrl_op>(uapi::decode(c.number).nr);
}

}  // namespace

ublk_core::ublk_core(kernel& k)
    : home(k), exec(k.exec()), version(k.version()), contract(k.contract()) {
    globals.push_back(std::make_unique<kernel_mutex>(exec));
}

ublk_device* ublk_core::find(std::uint32_t id) {
    const auto found = devices.find(id);
    return found == devices.end() ? nullptr : found->second.get();
}

void ublk_core::put(ublk_device& d) {
    d.references -= 1;
    if (d.references != 0) return;
    log().add("device {} is gone", d.id);
    d.freed = true;
    d.descriptors.drop();
    const auto found = devices.find(d.id);
    if (found == devices.end() || found->second.get() != &d) return;  // the power failed before
    graveyard.push_back(std::move(found->second));
    devices.erase(found);
    exec.wake(freed);
}

std::optional<int> ublk_core::control_command(uring_command& c) {
    if (at_least(7, 0) && never_sleeps(op_of(c))) return control(c);
    held_files.push_back(c.file);
    exec.start_worker("ublk control", [this, &c] {
        const int result = c.cancelled ? -ECANCELED : control(c);
        held_files.erase(std::ranges::find(held_files, c.file));
        ring::complete(c, result);
    });
    return std::nullopt;
}

bool ublk_core::cancel_control(uring_command& c) {
    c.cancelled = true;
    if (c.sleeps_on == nullptr) return false;
    exec.wake(*c.sleeps_on);
    return true;
}

int ublk_core::control(uring_command& c) {
    control_call call{.command = c};
    std::memcpy(&call.header, c.payload.data(), sizeof call.header);
    call.op = op_of(c);
    call.about = rules::subject_of(call.op);
    const bool of_device =
        call.op != uapi::ctrl_op::add_dev && c.number != uapi::encoded(uapi::ctrl_op::get_features);
    call.device = find(call.header.dev_id);
    const uapi::ctrl_cmd& h = call.header;
    rules::call& f = call.facts;
    f.command_number = c.number;
    f.wide_entry = c.wide;
    f.admin = c.caller->who().admin;
    f.dev_id = h.dev_id;
    f.queue_id = h.queue_id;
    f.length = h.len;
    f.path_length = h.dev_path_len;
    f.address = h.addr;
    f.data = h.data[0];
    f.device_exists = call.device != nullptr;
    if (!of_device) call.device = nullptr;
    if (call.device != nullptr) {
        get(*call.device);
        f.flags = call.device->info.flags;
        fill_path(call);
    }
    rules::fill_payload(version, f);
    // These two wait before they look at anything else.
    const bool waits =
        call.op == uapi::ctrl_op::start_dev || call.op == uapi::ctrl_op::end_user_recovery;
    if (call.device != nullptr && waits) fill_device(call);
    log().add("control command {} for device {}", static_cast<std::uint64_t>(call.op), h.dev_id);
    int result = refused(call);
    if (result == 0) result = act(call);
    if (call.device != nullptr) put(*call.device);
    log().add("control command {} for device {}: {}", static_cast<std::uint64_t>(call.op), h.dev_id,
              static_cast<std::uint64_t>(static_cast<std::int64_t>(result)));
    return result;
}

int ublk_core::refused(control_call& call) {
    const rules::row* row = broken(call);
    if (row == nullptr || row->what != rules::effect::refuses) return 0;
    return -row->code(call.facts);
}

void ublk_core::fill_path(control_call& call) {
    const uapi::ctrl_cmd& h = call.header;
    const bool step =
        call.device->has(uapi::f_unprivileged_dev) || call.op == uapi::ctrl_op::get_dev_info2;
    if (!step || h.dev_path_len == 0 || h.dev_path_len > uapi::dev_path_bytes_max) return;
    std::string path(h.dev_path_len, '\0');
    const bool readable = process::copy_in(path.data(), h.addr, path.size());
    call.facts.path_readable = readable;
    if (!readable) return;
    path.resize(std::strlen(path.c_str()));  // cut at a zero byte
    const auto id = char_node_id(path);
    const ublk_device* named = id ? find(*id) : nullptr;
    const bool node = named != nullptr && !named->deleted;
    const bool exists = node || path == "/dev/ublk-control" || path == "/dev/null" ||
                        path == "/dev" || path == "/" || home.find_file(path) != nullptr;
    const credentials& who = call.command.caller->who();
    call.facts.path_error = exists ? 0 : ENOENT;
    call.facts.path_is_device = node && named == call.device;
    call.facts.path_permitted = who.admin || who.uid == call.device->info.owner_uid;
}

void ublk_core::fill_device(control_call& call) {
    const ublk_device& d = *call.device;
    rules::call& f = call.facts;
    f.state = d.state();
    f.queues = d.info.nr_hw_queues;
    f.depth = d.info.queue_depth;
    f.max_io = d.info.max_io_buf_bytes;
    f.stored_types = d.params.types;
    f.stored_length = d.params.len;
    f.disk_present = d.shown != nullptr;
    f.disk_used = d.used;
    f.disk_open = d.shown != nullptr && blocks().info(*d.shown).openers != 0;
    f.all_fetched = ready(d);
    f.stopping = d.stopping;
    f.char_open = d.open;
    f.cancelling = d.cancelling;
    bool any = false;
    for (const ublk_queue& q : d.queues) any = any || q.all_fetched();
    f.any_queue_was_ready = any;
    f.pid_is_opener = static_cast<int>(call.header.data[0]) == d.opener_pid;
}

kernel_mutex* ublk_core::lock_global(uring_command& c) {
    kernel_mutex& mutex = *globals.back();
    c.sleeps_on = &mutex.waiters();
    const bool locked = mutex.lock_unless([&] { return c.cancelled && !c.caller->alive(); });
    c.sleeps_on = nullptr;
    return locked ? &mutex : nullptr;
}

int ublk_core::act(control_call& call) {
    using uapi::ctrl_op;
    switch (call.op) {
        case ctrl_op::get_features: return get_features(call);
        case ctrl_op::add_dev: return add_dev(call);
        case ctrl_op::del_dev: return del_dev(call, false);
        case ctrl_op::del_dev_async: return del_dev(call, true);
        case ctrl_op::set_params: return set_params(call);
        case ctrl_op::get_params: return get_params(call);
        case ctrl_op::get_dev_info:
        case ctrl_op::get_dev_info2: return get_dev_info(call);
        case ctrl_op::get_queue_affinity: return get_queue_affinity(call);
        case ctrl_op::start_dev: return start_dev(call);
        case ctrl_op::stop_dev: return stop_dev(call);
        case ctrl_op::try_stop_dev: return try_stop_dev(call);
        case ctrl_op::start_user_recovery: return start_user_recovery(call);
        case ctrl_op::end_user_recovery: return end_user_recovery(call);
        case ctrl_op::update_size: return update_size(call);
        case ctrl_op::quiesce_dev: return quiesce_dev(call);
        case ctrl_op::reg_buf: return reg_buf(call);
        case ctrl_op::unreg_buf: return unreg_buf(call);
    }
    return -EOPNOTSUPP;
}

}  // namespace ashlar::twin
