// SPDX-License-Identifier: MIT
// Commands that are taken back, and requests whose server is gone.
#include "twin/ublk_core.hpp"

#include <algorithm>
#include <utility>

namespace ashlar::twin {

namespace {

constexpr std::uint64_t second = 1'000'000'000;

void run_end_of_server(void* object, std::uint64_t) {
    auto* d = static_cast<ublk_device*>(object);
    d->core.exec.start_worker("ublk end of server", [d] { d->core.end_of_server(*d); });
}

// Queues whose tags were all in the hands of a server that is gone.
void abort_the_rest(void* object, std::uint64_t) {
    auto& d = *static_cast<ublk_device*>(object);
    if (d.freed || !d.ending_scheduled) return;
    for (ublk_queue& q : d.queues) {
        q.cancelling = true;
        d.core.abort_owned(q);
    }
}

// The monitor of kernels before 6.7 goes on while the end of a server is awaited.
void abort_those_of_ended_threads(void* object, std::uint64_t) {
    auto& d = *static_cast<ublk_device*>(object);
    if (d.freed) return;
    for (ublk_queue& q : d.queues) {
        if (q.daemon_ended) d.core.abort_owned(q);
    }
}

void look_for_timeouts(void* object, std::uint64_t) {
    static_cast<ublk_device*>(object)->core.watch_for_timeouts(*static_cast<ublk_device*>(object));
}

}  // namespace

// The submitter of a waiting command ends. Before 6.7 nobody hears of it but a monitor.
void ublk_core::cancel_io(uring_command& c) {
    ublk_device* device = c.file->device;
    if (device == nullptr) return;
    ublk_device& d = *device;
    if (std::ranges::find(d.lost, &c) != d.lost.end()) return;  // nothing ever ends it
    // It never came to its slot: it waited for the device's mutex.
    if (!d.batch() && c.slot == nullptr) return ring::complete(c, uapi::io_res_abort);
    ublk_queue& q = d.queues[c.q_id];
    log().add("device {} queue {}: the submitter of a command ends", d.id, q.id);
    if (at_least(6, 15)) {
        d.cancelled_in_round = true;
        mark_cancelling(d);
    } else {
        q.cancelling = true;
        if (!at_least(6, 7)) {
            schedule_end_of_server(d, home.choices().between(1, 5 * second));
            return;
        }
        abort_owned(q);
        schedule_end_of_server(d, 0);
    }
    if (d.batch()) {
        end_fetch(q, c, -ENODEV);
        return;
    }
    take_back(*static_cast<slot*>(c.slot));
}

// The monitor of kernels before 6.7 looks at threads: also at those without a waiting command.
void ublk_core::thread_ended(task who) {
    if (at_least(6, 7)) return;
    for (const auto& [id, device] : devices) {
        ublk_device& d = *device;
        for (ublk_queue& q : d.queues) {
            if (q.daemon != who || d.state() != uapi::device_state::live) continue;
            if (std::ranges::any_of(q.slots, [](const slot& s) { return s.command != nullptr; })) {
                continue;  // cancel_io is told of these
            }
            q.daemon_ended = true;
            const std::uint64_t after = home.choices().between(1, 5 * second);
            schedule_end_of_server(d, after);
            exec.at(exec.now() + after, {.run = abort_those_of_ended_threads, .object = &d});
        }
    }
}

void ublk_core::mark_cancelling(ublk_device& d) {
    if (d.cancelling) return;
    d.cancelling = true;
    for (ublk_queue& q : d.queues) q.cancelling = true;
    log().add("device {} is cancelling", d.id);
}

// Ends the command that waits in a slot; a request that was on its way is put back.
void ublk_core::take_back(slot& s) {
    uring_command* command = s.command;
    if (command == nullptr) return;
    ublk_device& d = *s.home->home;
    unscribble(s);
    if (s.delivering) {
        block_request* r = s.request;
        forget_request(s);
        abort(d, *r, false);
    }
    s.command = nullptr;
    s.active = false;
    s.owned = s.wants_data = false;
    s.cancelled = true;
    ring::complete(*command, uapi::io_res_abort);
}

void ublk_core::cancel_device(ublk_device& d) {
    for (ublk_queue& q : d.queues) {
        // QUIESCE_DEV is no exception: requests of a device with batches fail from here on, until
        // another server has fetched all tags (7.3; before, for ever).
        if (d.batch()) q.force_abort = true;
        for (slot& s : q.slots) take_back(s);
        while (!q.fetches.empty()) end_fetch(q, *q.fetches.back(), uapi::io_res_abort);
    }
}

void ublk_core::abort(ublk_device& d, block_request& r, bool seen) {
    d.started -= 1;
    if (d.watchers != 0) changed(d);
    r.committed = false;
    const bool again = seen ? d.reissues() : d.queues_io();
    log().add("device {} queue {} tag {}: request ends without a server, again: {}", d.id, r.queue,
              r.tag, again);
    if (again) blocks().requeue(r, os::no_timeout);
    else blocks().fail(r, -EIO);
}

// Requests in the hands of a server that has ended; of `all`, also those on their way to it.
void ublk_core::abort_owned(ublk_queue& q, bool all) {
    for (slot& s : q.slots) {
        if (s.request == nullptr || (s.delivering && !all)) continue;
        block_request* r = s.request;
        if (s.delivering) {
            forget_request(s);
            abort(*q.home, *r, false);
            continue;
        }
        // With a command still waiting for data, the slot's command stays until it is taken back.
        forget_request(s);
        abort(*q.home, *r, true);
    }
    for (const std::uint16_t tag : std::exchange(q.arrived, {})) {
        slot& s = q.slots[tag];
        block_request* r = s.request;
        if (r == nullptr) continue;
        forget_request(s);
        abort(*q.home, *r, true);  // counts as the server's, who has not heard of it
    }
}

void ublk_core::schedule_end_of_server(ublk_device& d, std::uint64_t after_ns) {
    if (d.ending_scheduled) return;
    d.ending_scheduled = true;
    exec.at(exec.now() + after_ns, {.run = run_end_of_server, .object = &d});
}

void ublk_core::schedule_abort(ublk_device& d, std::uint64_t after_ns) {
    exec.at(exec.now() + after_ns, {.run = abort_the_rest, .object = &d});
}

void ublk_core::reset_queue(ublk_queue& q) {
    for (slot& s : q.slots) {
        unscribble(s);
        const std::uint32_t serial = s.serial + 1;  // events under way are void
        s = {.home = &q, .tag = s.tag, .serial = serial};
    }
    q.fetched = 0;
    q.daemon = 0;
    q.daemon_ended = false;
    q.arrived.clear();
}

void ublk_core::reset_round(ublk_device& d) {
    for (ublk_queue& q : d.queues) {
        reset_queue(q);
        if (!d.batch()) q.force_abort = false;
        // With a disk, new requests wait until the next server is there.
        if (d.shown == nullptr) q.cancelling = false;
    }
    if (d.shown == nullptr) d.cancelling = false;
    d.opener = nullptr;
    d.opener_pid = 0;
    d.mapper = nullptr;
    d.stopping = d.cancelled_in_round = false;
    d.unprivileged_fetcher = false;
}

// A server without privileges that keeps a request for more than 30 seconds is killed.
void ublk_core::watch_for_timeouts(ublk_device& d) {
    d.watched = false;
    if (d.freed || d.started == 0) return;
    std::uint64_t oldest = os::no_timeout;
    for (const ublk_queue& q : d.queues) {
        for (const slot& s : q.slots) {
            if (s.request != nullptr) oldest = std::min(oldest, s.request->started_ns);
        }
    }
    if (oldest == os::no_timeout) return;
    const std::uint64_t limit = oldest + 30 * second;
    if (limit <= exec.now() && d.opener != nullptr && d.opener->alive()) {
        log().add("device {}: the server is killed for a request of 30 seconds", d.id);
        home.kill(*d.opener);
        return;
    }
    d.watched = true;
    exec.at(std::max(limit, exec.now() + second), {.run = look_for_timeouts, .object = &d});
}

}  // namespace ashlar::twin
