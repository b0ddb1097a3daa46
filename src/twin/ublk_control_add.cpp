// SPDX-License-Identifier: MIT
// ADD_DEV and DEL_DEV.
#include "rules/effects.hpp"
#include "twin/ublk_core.hpp"

#include <algorithm>

namespace ashlar::twin {

namespace {

// Kernels that take the caller's state for the device's.
constexpr rules::version state_backports[] = {{6, 12, 117}, {6, 1, 192}};
constexpr rules::range state_is_kept{.until = {7, 1, 0}, .also_until = state_backports};

}  // namespace

int ublk_core::get_features(control_call& call) {
    const std::uint64_t answer = version.features();
    call.facts.payload_writable =
        process::copy_out(call.payload(), &answer, call.payload_bytes() == 8 ? 8 : 0);
    return refused(call);
}

int ublk_core::add_dev(control_call& call) {
    uapi::ctrl_dev_info info;
    const bool whole = call.payload_bytes() >= sizeof info && call.payload() != 0;
    if (whole) {
        const bool readable = process::copy_in(&info, call.payload(), sizeof info);
        call.facts.payload_readable = readable;
        if (readable) call.facts.info = &info;
    }
    if (const int code = refused(call)) return code;
    kernel_mutex* global = lock_global(call.command);
    if (global == nullptr) return -EINTR;
    const bool admin = call.facts.admin.value();
    call.facts.id_taken = find(info.dev_id) != nullptr;
    call.facts.devices = static_cast<std::uint32_t>(devices.size());
    call.facts.unprivileged_devices = unprivileged_devices;
    call.facts.payload_writable = process::copy_out(call.payload(), &info, sizeof info);
    call.facts.node_error = 0;
    int code = refused(call);
    if (code == 0 && !at_least(6, 2) && (info.queue_depth == 0 || info.nr_hw_queues == 0)) {
        code = -EINVAL;  // the block layer's answer
    }
    if (code == 0) {
        uapi::ctrl_dev_info made = info;
        made.flags = rules::flags_after_add(version, info.flags, admin);
        if (!state_is_kept.contains(version.release)) made.state = 0;
        made.ublksrv_pid = -1;
        made.nr_hw_queues =
            static_cast<std::uint16_t>(std::min<std::uint32_t>(info.nr_hw_queues, version.cpu_ids));
        made.max_io_buf_bytes -= made.max_io_buf_bytes % version.page_bytes;
        if (at_least(6, 3)) {
            made.owner_uid = call.command.caller->who().uid;
            made.owner_gid = call.command.caller->who().gid;
        }
        if (at_least(7, 3) && (made.flags & uapi::f_io_desc_size) == 0) {
            made.io_desc_size = uapi::io_desc_size_default;
        }
        const bool automatic =
            info.dev_id == uapi::device_id_auto || (!at_least(6, 7) && info.dev_id >= 1u << 31);
        if (automatic) {
            made.dev_id = 0;
            for (const auto& [taken, device] : devices) {
                if (taken != made.dev_id) break;
                made.dev_id += 1;
            }
        }
        make_device(made.dev_id, made);
        process::copy_out(call.payload(), &made, sizeof made);
    }
    global->unlock();
    return code;
}

ublk_device& ublk_core::make_device(std::uint32_t id, const uapi::ctrl_dev_info& info) {
    auto made = std::make_unique<ublk_device>(*this, exec);
    ublk_device& d = *made;
    d.id = id;
    d.info = info;
    if (d.has(uapi::f_unprivileged_dev)) {
        d.counts_as_unprivileged = true;
        unprivileged_devices += 1;
    }
    const std::uint16_t bytes =
        d.has(uapi::f_io_desc_size) ? info.io_desc_size : uapi::io_desc_size_default;
    d.descriptors.make(info.nr_hw_queues, info.queue_depth, bytes, version.page_bytes);
    d.queues.resize(info.nr_hw_queues);
    for (std::uint16_t q = 0; q < info.nr_hw_queues; ++q) {
        ublk_queue& queue = d.queues[q];
        queue.home = &d;
        queue.id = q;
        queue.slots.resize(info.queue_depth);
        for (std::uint16_t tag = 0; tag < info.queue_depth; ++tag) {
            queue.slots[tag].home = &queue;
            queue.slots[tag].tag = tag;
        }
        queue.facts.flags = info.flags;
        queue.facts.queues = info.nr_hw_queues;
        queue.facts.depth = info.queue_depth;
        queue.facts.descriptor_bytes = bytes;
        queue.facts.max_io = info.max_io_buf_bytes;
    }
    log().add("device {}: {} queues, depth {}, flags {}", id, info.nr_hw_queues, info.queue_depth,
              info.flags);
    devices.emplace(id, std::move(made));
    return d;
}

int ublk_core::del_dev(control_call& call, bool asynchronous) {
    ublk_device& d = *call.device;
    kernel_mutex* global = lock_global(call.command);
    if (global == nullptr) return -EINTR;
    if (!d.deleted) {
        stop(d);
        d.deleted = true;
        if (d.counts_as_unprivileged) unprivileged_devices -= 1;
        log().add("device {}: its character device is unlinked", d.id);
        put(d);
    }
    call.device = nullptr;
    put(d);  // this command's own
    const bool interruptible = at_least(6, 9);
    if (interruptible) global->unlock();
    int code = 0;
    if (!asynchronous) {
        code = sleep(call.command, freed, interruptible, [&] { return d.freed; });
    }
    if (!interruptible) global->unlock();
    return code;
}

}  // namespace ashlar::twin
