// SPDX-License-Identifier: MIT
// Requests on their way to the driver and back, and the machinery of flushes.
#include "rules/effects.hpp"
#include "twin/block_disk.hpp"
#include "twin/driver.hpp"

namespace ashlar::twin {

namespace {

constexpr std::uint64_t no_sector = ~std::uint64_t{0};  // where a flush is, as a kernel says

void run_queue(void* object, std::uint64_t) {
    auto& q = *static_cast<hardware_queue*>(object);
    q.run_scheduled = false;
    q.home->layer->run(q);
}

void kick_queue(void* object, std::uint64_t) {
    auto& q = *static_cast<hardware_queue*>(object);
    q.home->layer->kick(q);
}

}  // namespace

void block_layer::inside::schedule(hardware_queue& q) {
    if (q.run_scheduled || q.dispatch.empty() || q.home->stopped || q.home->plugs != 0) return;
    q.run_scheduled = true;
    home.exec().soon({.run = run_queue, .object = &q});
}

// Some of what waits, in any order.
void block_layer::inside::run(hardware_queue& q) {
    disk& d = *q.home;
    const bool shuffle = home.options().manner.any_order;
    std::size_t count = q.dispatch.size();
    if (shuffle && count > 1) count = home.choices().between(1, count);
    for (; count != 0 && !q.dispatch.empty() && !d.stopped && d.plugs == 0; --count) {
        const std::size_t chosen = shuffle ? home.choices().below(q.dispatch.size()) : 0;
        block_request* r = q.dispatch[chosen];
        if (shuffle) {
            q.dispatch[chosen] = q.dispatch.back();
            q.dispatch.pop_back();
        } else {
            q.dispatch.erase(q.dispatch.begin());
        }
        home.ublk().queue_request(*d.device, *r);
    }
    schedule(q);
}

void block_layer::inside::kick(hardware_queue& q) {
    q.dispatch.insert(q.dispatch.end(), q.put_back.begin(), q.put_back.end());
    q.put_back.clear();
    schedule(q);
}

void block_layer::requeue(block_request& r, std::uint64_t delay_ns) {
    hardware_queue& q = inside::queue_of(r);
    q.put_back.push_back(&r);
    if (delay_ns == os::no_timeout) return;
    inside_->home.exec().at(inside_->home.exec().now() + delay_ns,
                            {.run = kick_queue, .object = &q});
}

void block_layer::stop_queues(disk& d) { d.stopped = true; }

void block_layer::start_queues(disk& d) {
    d.stopped = false;
    for (hardware_queue& q : d.queues) inside_->kick(q);
}

// The next step of a request.
void block_layer::inside::route(hardware_queue& q, block_request& r) {
    if ((r.steps & step_preflush) != 0) {
        q.flush_wanted.push_back(&r);
        return start_flush(q);
    }
    if ((r.steps & step_data) != 0) {
        q.dispatch.push_back(&r);
        return schedule(q);
    }
    if ((r.steps & step_postflush) != 0) {
        q.flush_wanted.push_back(&r);
        return start_flush(q);
    }
    give_back(q, r, 0);
}

void block_layer::inside::start_flush(hardware_queue& q) {
    if (q.flushing || q.flush_wanted.empty()) return;
    q.flushing = true;
    q.flush_running.swap(q.flush_wanted);
    q.flush.tag = q.flush_running.front()->tag;
    q.flush.sector = no_sector;
    q.flush.references = 0;
    q.flush.committed = q.flush.in_place = false;
    q.dispatch.push_back(&q.flush);
    schedule(q);
}

void block_layer::inside::end_flush(hardware_queue& q, int error) {
    std::vector<block_request*>& served = q.flush_served;
    served.clear();
    served.swap(q.flush_running);
    q.flushing = false;
    for (block_request* r : served) {
        const bool before = (r->steps & step_preflush) != 0;
        r->steps &= static_cast<std::uint8_t>(before ? ~step_preflush : ~step_postflush);
        if (error != 0) {
            give_back(q, *r, error);
        } else {
            route(q, *r);
        }
    }
    start_flush(q);
}

void block_layer::inside::end_request(block_request& r, int error) {
    hardware_queue& q = queue_of(r);
    const int seen = error == 0 ? 0 : -rules::errno_after_block_layer(home.version(), -error);
    if (&r == &q.flush) return end_flush(q, seen);
    r.steps &= static_cast<std::uint8_t>(~step_data);
    if (seen != 0) return give_back(q, r, seen);
    route(q, r);
}

// A request is over: its tag is free for another.
void block_layer::inside::give_back(hardware_queue& q, block_request& r, int error) {
    bio& b = *r.origin;
    r.origin = nullptr;
    q.free.push_back(r.tag);
    if (q.home->freezes != 0) home.exec().wake(q.home->changed);
    end_part(b, error);
    feed(q);
}

}  // namespace ashlar::twin
