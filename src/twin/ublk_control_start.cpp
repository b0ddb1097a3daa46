// SPDX-License-Identifier: MIT
// The commands that make a device live, again or for a while no more.
#include "twin/ublk_core.hpp"

#include <bit>

namespace ashlar::twin {

namespace {

disk_limits limits_of(const uapi::params& p) {
    disk_limits l;
    l.sectors = p.basic.dev_sectors;
    l.logical_block = 1u << p.basic.logical_bs_shift;
    l.max_sectors = p.basic.max_sectors;
    l.chunk_sectors = p.basic.chunk_sectors;
    if ((p.types & uapi::param_type_discard) != 0) {
        l.max_discard_sectors = p.discard.max_discard_sectors;
        l.discard_granularity = p.discard.discard_granularity;
        l.max_write_zeroes_sectors = p.discard.max_write_zeroes_sectors;
    }
    l.read_only = (p.basic.attrs & uapi::attr_read_only) != 0;
    l.rotational = (p.basic.attrs & uapi::attr_rotational) != 0;
    l.volatile_cache = (p.basic.attrs & uapi::attr_volatile_cache) != 0;
    l.fua = l.volatile_cache && (p.basic.attrs & uapi::attr_fua) != 0;
    return l;
}

}  // namespace

bool ublk_core::ready(const ublk_device& d) const {
    return at_least(7, 2) ? d.all_fetched() : d.ready_once;
}

// The wait of START_DEV and END_USER_RECOVERY. Up to 7.0 it is for something that stays once it was
// there; later it is looked at again under the mutex.
int ublk_core::wait_for_fetches(control_call& call) {
    ublk_device& d = *call.device;
    for (;;) {
        fill_device(call);
        call.facts.limits_accepted.forget();
        const rules::row* row = broken(call);
        if (row != nullptr && row->what == rules::effect::blocks) {
            const int code = sleep(call.command, d.changed, true,
                                   [&] { return ready(d) || (at_least(7, 3) && d.stopping); });
            if (code != 0) return code;
            continue;
        }
        d.mutex.lock();
        fill_device(call);
        const disk_limits limits = limits_of(d.params);
        call.facts.limits_accepted = limits.max_sectors * 512ull >= limits.logical_block;
        call.facts.add_disk_error = 0;
        const bool zoned = d.has(uapi::f_zoned);
        call.facts.zones_error = zoned ? EOPNOTSUPP : 0;
        row = broken(call);
        if (row == nullptr) return 0;
        const int code = -row->code(call.facts);
        d.mutex.unlock();
        if (row->what == rules::effect::blocks) continue;
        if (row->id == "START-9") home.accuse("the twin has no zoned disks");
        return code;
    }
}

int ublk_core::start_dev(control_call& call) {
    ublk_device& d = *call.device;
    if (const int code = wait_for_fetches(call)) return code;
    d.info.ublksrv_pid = static_cast<std::int32_t>(call.header.data[0]);
    d.set_state(uapi::device_state::live);
    d.used = true;
    get(d);  // the disk's
    show_disk(d, call.command);
    d.mutex.unlock();
    changed(d);
    return 0;
}

void ublk_core::show_disk(ublk_device& d, uring_command& c) {
    d.shown =
        &blocks().add_disk(d, d.id, limits_of(d.params), d.info.nr_hw_queues, d.info.queue_depth);
    log().add("device {} is live, with {} sectors", d.id, d.params.basic.dev_sectors);
    const bool scan = home.options().manner.partition_scan && !d.unprivileged_fetcher &&
                      !d.has(uapi::f_no_auto_part_scan);
    if (scan && !at_least(6, 19)) scan_partitions(d, c);
    if (scan && at_least(6, 19)) probe(*d.shown, "partition scan");
    if (d.shown != nullptr) probe(*d.shown, "udev");
}

// Within START_DEV: with the mutex held, by reads that the server has to answer.
void ublk_core::scan_partitions(ublk_device& d, uring_command& c) {
    blocks().read_ends(*d.shown, &c);
}

// Somebody opens the disk, looks at it and closes it, at a time of their own.
void ublk_core::probe(disk& of, const char* what) {
    if (!home.options().manner.udev && std::string_view(what) == "udev") return;
    exec.start_worker(what, [this, &of] {
        if (blocks().open(of, true, 0, 0, false) != 0) return;
        blocks().read_ends(of);
        blocks().close(of, false);
    });
}

int ublk_core::start_user_recovery(control_call& call) {
    ublk_device& d = *call.device;
    d.mutex.lock();
    fill_device(call);
    const int code = refused(call);
    if (code == 0 && !at_least(6, 16)) {
        for (ublk_queue& q : d.queues) {
            reset_queue(q);
            q.cancelling = false;
        }
        d.mapper = nullptr;
        d.ready_once = false;
        d.cancelling = false;
        d.ending_scheduled = false;
    }
    d.mutex.unlock();
    changed(d);
    return code;
}

int ublk_core::end_user_recovery(control_call& call) {
    ublk_device& d = *call.device;
    if (const int code = wait_for_fetches(call)) return code;
    d.info.ublksrv_pid = static_cast<std::int32_t>(call.header.data[0]);
    d.set_state(uapi::device_state::live);
    if (!at_least(6, 15)) {
        for (ublk_queue& q : d.queues) q.fail_io = false;
    }
    log().add("device {} is live again", d.id);
    if (d.shown != nullptr) blocks().start_queues(*d.shown);
    d.mutex.unlock();
    changed(d);
    return 0;
}

int ublk_core::quiesce_dev(control_call& call) {
    ublk_device& d = *call.device;
    d.mutex.lock();
    fill_device(call);
    // The driver means to wait for an idle tag in each queue. It counts requests that have not
    // started where it looks at started ones only, so every queue always seems to have one.
    call.facts.idle_tag_in_each_queue = true;
    call.facts.interrupted = call.command.cancelled;
    const int code = refused(call);
    if (code == 0) {
        if (d.state() == uapi::device_state::live) mark_cancelling(d);
        cancel_device(d);
    }
    d.mutex.unlock();
    return code;
}

}  // namespace ashlar::twin
