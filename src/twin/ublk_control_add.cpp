// SPDX-License-Identifier: MIT
// ADD_DEV and DEL_DEV.
#include "twin/ublk_core.hpp"

#include <algorithm>

namespace ashlar::twin {

namespace {

constexpr std::uint64_t non_copy =
    uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg;

}  // namespace

int ublk_core::get_features(control_call& call) {
    const std::uint64_t answer = version.features();
    call.facts.payload_writable =
        process::copy_out(call.payload(), &answer, call.payload_bytes() == 8 ? 8 : 0);
    return refused(call);
}

std::uint64_t ublk_core::flags_granted(const uapi::ctrl_dev_info& wish, bool admin) const {
    std::uint64_t flags = wish.flags & version.features();
    if (at_least(6, 3)) {
        if (admin) flags &= ~uapi::f_unprivileged_dev;
        else flags &= ~(uapi::f_user_recovery | uapi::f_user_recovery_reissue);
    }
    if (at_least(6, 4)) flags |= uapi::f_cmd_ioctl_encode;
    if (at_least(6, 5) || version.modular) flags |= uapi::f_uring_cmd_comp_in_task;
    if (at_least(6, 16) && (flags & uapi::f_batch_io) == 0) flags |= uapi::f_per_io_daemon;
    if (at_least(6, 17)) flags |= uapi::f_buf_reg_off_daemon;
    if (at_least(7, 0)) flags |= uapi::f_safe_stop_dev;
    if (!at_least(6, 15)) flags &= ~uapi::f_supp_zero_copy;
    if ((flags & (non_copy | uapi::f_batch_io)) != 0) flags &= ~uapi::f_need_get_data;
    return flags;
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
    if (!lock_global(call.command)) return -EINTR;
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
    // The queue of tags that wait for a fetch command can't be so small.
    if (code == 0 && (info.flags & version.features() & uapi::f_batch_io) != 0 &&
        info.queue_depth < 2) {
        code = -EINVAL;
    }
    if (code == 0) {
        uapi::ctrl_dev_info made = info;
        made.flags = flags_granted(info, admin);
        made.state = 0;
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
    global.unlock();
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
    if (!lock_global(call.command)) return -EINTR;
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
    if (interruptible) global.unlock();
    int code = 0;
    if (!asynchronous) {
        code = sleep(call.command, freed, interruptible, [&] { return d.freed; });
    }
    if (!interruptible) global.unlock();
    return code;
}

}  // namespace ashlar::twin
