// SPDX-License-Identifier: MIT
// A ring's memory: entries in, completions out, and the thread that waits for them. What the
// operations do is in uring_operations.cpp.
#include "twin/uring.hpp"

#include "twin/driver.hpp"
#include "twin/process.hpp"
#include "twin/uring_operation.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace ashlar::twin {

namespace {

constexpr std::uint32_t interrupt_chance = 3000;  // of a million waits

}  // namespace

ring::ring(kernel& k, process& p) : home(k), owner(&p) { waiters.what = "completions of a ring"; }

void ring::post(std::uint64_t user_data, int result, unsigned flags) {
    ready.push_back({.user_data = user_data, .res = result, .flags = flags});
    home.exec().wake(waiters);
}

void ring::add_work(task who, event e) {
    work.push_back({who, e});
    home.exec().wake(waiters);
}

// Work may bring more work, which waits for the next look.
void ring::run_work() {
    const task me = home.exec().current();
    const std::size_t count = work.size();
    if (count == 0) return;
    std::vector<task_work>& batch = work_batch_;
    batch.clear();
    batch.swap(work);
    const bool shuffle = home.options().manner.any_order;
    while (!batch.empty()) {
        const task_work one = take_one(batch, home.choices(), shuffle);
        if (one.who != me) {
            work.push_back(one);
        } else {
            one.what.run(one.what.object, one.what.argument);
        }
    }
}

// Puts completions where the process sees them: at least what it waits for, if it is there, and
// otherwise as many as the dice say.
void ring::show_completions(unsigned wait) {
    auto room = [&] { return cq_limit - (cq_tail - cq_head); };
    auto show = [&](const io_uring_cqe& c) {
        completions[cq_tail & (completions.size() - 1)] = c;
        std::atomic_ref(cq_tail).store(cq_tail + 1, std::memory_order_release);
    };
    cq_head = std::atomic_ref(cq_head).load(std::memory_order_acquire);
    while (!overflow.empty() && room() != 0) {
        show(overflow.front());
        overflow.pop_front();
    }
    const bool shuffle = home.options().manner.any_order;
    std::size_t take = ready.size();
    if (shuffle && take > 1) {
        const unsigned there = cq_tail - cq_head;
        const std::size_t least = std::min<std::size_t>(take, wait > there ? wait - there : 0);
        take = home.choices().between(std::max<std::size_t>(least, 1), take);
    }
    for (; take != 0; --take) {
        const io_uring_cqe one = take_one(ready, home.choices(), shuffle);
        if (room() != 0) {
            show(one);
        } else {
            overflow.push_back(one);
        }
    }
    if (overflow.empty()) {
        sq_flags &= ~unsigned{IORING_SQ_CQ_OVERFLOW};
    } else {
        sq_flags |= IORING_SQ_CQ_OVERFLOW;
    }
}

int ring::enter(io_uring& user, unsigned wait, std::uint64_t timeout_ns) {
    executor& exec = home.exec();
    const unsigned shift = wide ? 1 : 0;
    *user.sq.ktail = user.sq.sqe_tail;
    while (sq_head != sq_tail && !closing) {
        io_uring_sqe* entry = &entries[std::size_t{sq_head & user.sq.ring_mask} << shift];
        // The process may use the entry again as soon as the head has moved on.
        std::memcpy(static_cast<void*>(taken_), static_cast<const void*>(entry),
                    std::size_t{64} << shift);
        if (home.options().manner.scribble) {
            std::memset(static_cast<void*>(entry), 0xa5, std::size_t{64} << shift);
        }
        std::atomic_ref(sq_head).store(sq_head + 1, std::memory_order_release);
        consume(taken_);
    }
    end_chain();
    const std::uint64_t until =
        timeout_ns == os::no_timeout ? os::no_timeout : exec.now() + timeout_ns;
    auto enough = [&] { return cq_tail - cq_head + ready.size() + overflow.size() >= wait; };
    if (wait != 0) exec.pause();
    int outcome = 0;
    for (;;) {
        run_work();
        if (enough()) break;
        if (home.options().manner.interrupts && home.maybe(interrupt_chance)) {
            outcome = -EINTR;
            break;
        }
        if (!exec.wait(waiters, until)) {
            run_work();
            if (!enough()) outcome = -ETIME;
            break;
        }
    }
    show_completions(wait);
    return outcome;
}

std::optional<provided_buffer> ring::take_provided(std::uint16_t group) {
    auto found = provided.find(group);
    if (found == provided.end()) return std::nullopt;
    buffer_group& g = found->second;
    const std::uint16_t tail = std::atomic_ref(g.memory->tail).load(std::memory_order_acquire);
    if (g.head == tail) return std::nullopt;
    const io_uring_buf& b = g.memory->bufs[g.head & g.mask];
    g.head = static_cast<std::uint16_t>(g.head + 1);
    return provided_buffer{reinterpret_cast<std::byte*>(b.addr), b.len, b.bid};
}

void ring::give_back_provided(std::uint16_t group) {
    auto found = provided.find(group);
    if (found == provided.end()) return;
    found->second.head = static_cast<std::uint16_t>(found->second.head - 1);
}

void ring::complete(uring_command& c, int result, unsigned flags) {
    ring* r = c.home;
    kernel& k = c.caller->home();
    if (r != nullptr) {
        std::erase(r->commands, &c);
        const bool tells = !c.skip_success || result < 0;
        if (!r->closing && tells) r->post(c.user_data, result, flags);
    }
    entry_chain* chain = c.chain;
    k.put(*c.file);
    k.commands().give_back(c);
    if (r == nullptr) return;
    r->follow(chain, result);
    if (r->closing) k.ring_progressed(*r);
}

bool ring::post_more(uring_command& c, int result, unsigned flags) {
    if (c.home == nullptr || c.home->closing) return false;
    ring& r = *c.home;
    if (r.cq_tail - r.cq_head + r.ready.size() + r.overflow.size() >= r.cq_limit) return false;
    r.post(c.user_data, result, flags | IORING_CQE_F_MORE);
    return true;
}

}  // namespace ashlar::twin
