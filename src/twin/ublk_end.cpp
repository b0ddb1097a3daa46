// SPDX-License-Identifier: MIT
// How a disk is stopped, and what the end of a server does to its device. All of it waits.
#include "twin/process.hpp"
#include "twin/ublk_core.hpp"

namespace ashlar::twin {

namespace {

bool any_registered(const ublk_device& d) {
    for (const ublk_queue& q : d.queues) {
        for (const slot& s : q.slots) {
            if (s.request != nullptr && s.request->references != 0) return true;
        }
    }
    return false;
}

}  // namespace

int ublk_core::stop_dev(control_call& call) {
    stop(*call.device);
    return 0;
}

int ublk_core::try_stop_dev(control_call& call) {
    ublk_device& d = *call.device;
    d.mutex.lock();
    fill_device(call);
    const int code = refused(call);
    if (code == 0) d.blocked_for_users = true;
    d.mutex.unlock();
    if (code == 0) stop(d);
    return code;
}

void ublk_core::stop(ublk_device& d) {
    d.mutex.lock();
    stop_locked(d);
    if (at_least(7, 3) && d.open) d.stopping = true;
    d.mutex.unlock();
    cancel_device(d);
    changed(d);
}

void ublk_core::wait_until_idle(ublk_device& d) {
    d.watchers += 1;
    while (d.started != 0) exec.wait(d.changed);
    d.watchers -= 1;
}

void ublk_core::stop_locked(ublk_device& d) {
    if (d.state() == uapi::device_state::dead || d.shown == nullptr) return;
    if (d.queues_io()) {
        blocks().stop_queues(*d.shown);
        if (d.state() == uapi::device_state::live) {
            log().add("device {}: the stop waits for {} requests", d.id, d.started);
            wait_until_idle(d);
            d.set_state(uapi::device_state::quiesced);
        }
        for (ublk_queue& q : d.queues) q.force_abort = true;
        blocks().start_queues(*d.shown);
    }
    disk& ending = *d.shown;
    d.node_gone = !at_least(6, 15);
    blocks().remove_disk(ending);
    d.shown = nullptr;
    d.node_gone = false;
    d.set_state(uapi::device_state::dead);
    d.info.ublksrv_pid = -1;
    log().add("device {} has no disk any more", d.id);
    if (blocks().info(ending).openers == 0) drop_disk_reference(d);
}

// The disk is freed: the last of its users is gone, too.
void ublk_core::drop_disk_reference(ublk_device& d) {
    d.used = false;
    changed(d);
    put(d);
}

// Up to 6.14: the work that is scheduled when a dying thread was noticed.
void ublk_core::end_of_server(ublk_device& d) {
    if (d.freed) return;
    get(d);
    log().add("device {}: its server has ended", d.id);
    // The monitor of kernels before 6.7 looks at every queue.
    const bool all_seen = d.state() == uapi::device_state::live &&
                          (d.opener == nullptr || (!at_least(6, 7) && !d.opener->alive()));
    for (ublk_queue& q : d.queues) {
        if (q.cancelling || all_seen) {
            q.cancelling = true;
            abort_owned(q, all_seen);
        }
    }
    if (!d.keeps_disk()) {
        stop(d);
    } else {
        d.mutex.lock();
        if (d.state() == uapi::device_state::live) {
            blocks().stop_queues(*d.shown);
            if (d.fails_io()) {
                d.set_state(uapi::device_state::fail_io);
                for (ublk_queue& q : d.queues) q.fail_io = true;
                blocks().start_queues(*d.shown);
            } else {
                wait_until_idle(d);
                d.set_state(uapi::device_state::quiesced);
            }
        }
        d.mutex.unlock();
        cancel_device(d);
    }
    d.ending_scheduled = false;
    changed(d);
    put(d);
}

// From 6.15 on: the work of the last reference to ublkcN.
void ublk_core::end_of_file(ublk_device& d) {
    while (any_registered(d)) exec.wait(d.changed);
    const bool had_disk = d.shown != nullptr;
    // Also where one queue has begun anew, in a round that was never complete.
    if (had_disk) {
        d.cancelling = false;
        mark_cancelling(d);
    }
    for (ublk_queue& q : d.queues) abort_owned(q);
    if (had_disk && d.batch()) blocks().start_queues(*d.shown);  // what was put back comes again
    d.mutex.lock();
    if (had_disk && d.state() == uapi::device_state::live) {
        if (!d.keeps_disk()) {
            stop_locked(d);
        } else if (d.fails_io()) {
            d.set_state(uapi::device_state::fail_io);
            for (ublk_queue& q : d.queues) q.fail_io = true;
        } else {
            d.set_state(uapi::device_state::quiesced);
        }
    }
    // Before 7.3 a round without a disk is not ended: its slots stay counted.
    if (had_disk || at_least(7, 3)) reset_round(d);
    log().add("device {}: its file is released, state {}", d.id, d.info.state);
    d.open = false;
    d.mutex.unlock();
    changed(d);
    put(d);
}

}  // namespace ashlar::twin
