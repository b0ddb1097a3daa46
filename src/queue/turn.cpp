// SPDX-License-Identifier: MIT
// A turn of a serving thread: what its queues have prepared goes down, what has completed comes up.
// All of the way of a completion to its queue is in this file.
#include "queue/loop.hpp"
#include "queue/slot.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <bit>
#include <cerrno>

namespace ashlar::queue {

namespace {

// How long tags that come back at the end of a round may take.
constexpr std::uint64_t drain_ns = 100'000'000;

}  // namespace

bool loop::turn() {
    if (woken_) [[unlikely]]
        hear();
    // Completions of the queues' own commands are no news: so many more are waited for.
    const unsigned known = prepare_queues();
    if (!ended_.empty()) [[unlikely]]
        end_queues();
    if (ending_ && joined_ == 0) return false;
    if (spin_ns_ != 0) spin(1 + known);
    if (!enter(1 + known)) return false;
    turn_began_ns_ = machine_.now_ns();
    if (spin_ns_ != 0) dense_ = turn_began_ns_ - wait_began_ns_ < spin_ns_;
    take();
    if (!postponed_.empty()) [[unlikely]]
        submit_postponed();
    // Of a ring that is shared each queue counts what brought it requests.
    const std::uint64_t all = ring_->enters();
    const std::uint64_t enters = shared_ ? all - enters_ : all;
    enters_ = all;
    for (queue* q : active_) q->count_turn(enters);
    return true;
}

unsigned loop::prepare_queues() {
    unsigned known = 0;
    for (queue* q : active_) {
        q->active_ = false;
        if (q->over()) [[unlikely]] {
            if (!q->abandoned_) ended_.push_back(q);
        } else if (q->prepare_to_wait()) {
            known += 1;
        }
    }
    active_.clear();
    return known;
}

void loop::end_queues() {
    flush();
    for (queue* q : ended_) q->end();
    ended_.clear();
}

// A thread that finds its next requests before it sleeps need not be woken for them.
void loop::spin(unsigned wait) {
    wait_began_ns_ = machine_.now_ns();
    if (!dense_ || draining_ != nullptr) return;
    flush();
    machine_.ring_spin(ring_->raw(), wait, spin_ns_);
}

// False if nothing can be served any more.
bool loop::enter(unsigned wait) {
    const int entered = ring_->enter(wait, draining_ != nullptr ? drain_ns : os::no_timeout);
    if (entered >= 0) [[likely]]
        return true;
    if (entered == -ETIME && draining_ != nullptr && !ring_->has_completions()) {
        draining_->leave();
    }
    if (entered == -EAGAIN || entered == -EBUSY || entered == -EINTR || entered == -ETIME) {
        return true;
    }
    log(level::error, fmt::format("io_uring_enter: {}", errno_text(-entered)));
    return false;
}

void loop::take() {
    ring_->take([this](std::uint64_t user_data, int outcome, unsigned flags) {
        completed(user_data, outcome, flags);
    });
}

inline void loop::completed(std::uint64_t user_data, int outcome, unsigned flags) {
    const std::uint64_t kind = user_data & kind_mask;
    if (kind == kind_operation) {
        return queue::operation_completed(*std::bit_cast<ring_operation*>(user_data), outcome);
    }
    if (kind == kind_wakeup) [[unlikely]] {
        woken_ = true;
        return arm_wakeup();
    }
    queue* q = queues_[user_data >> number_shift];
    // Of a queue that did not wait for this.
    if (q == nullptr) [[unlikely]]
        return;
    if (!q->active_) mark(*q);
    q->came_ += 1;
    if (kind == kind_tag) [[likely]] {
        const auto tag = static_cast<std::uint16_t>((user_data & number_mask) >> tag_shift);
        return q->tag_completed(q->slot_of(tag), outcome);
    }
    q->batch_completed(kind, outcome, flags);
}

void loop::mark(queue& q) {
    if (q.active_) return;
    q.active_ = true;
    q.turn_began_ns_ = turn_began_ns_;
    q.came_ = q.batch_ = 0;
    active_.push_back(&q);
}

void loop::submit_postponed() {
    std::vector<ring_operation*> again;
    again.swap(postponed_);
    for (ring_operation* operation : again) submit(*operation);
}

void loop::submit(ring_operation& operation) {
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) {
        postponed_.push_back(&operation);
        return;
    }
    queue::fill_operation(operation, *entry);
}

// The resumed handler may end, and the operation with it.
void queue::operation_completed(ring_operation& operation, int outcome) {
    auto& q = static_cast<queue&>(ring_of(operation));
    if (!q.active_) q.loop_.mark(q);
    q.came_ += 1;
    auto waiter = ring_io::completed(operation, outcome);
    if (!waiter) return q.submit(operation);
    arena_in_use arena(static_cast<frame_arena*>(memory_of(operation)));
    waiter.resume();
}

void queue::fill_operation(ring_operation& operation, io_uring_sqe& entry) {
    ring_io::fill(operation, &entry);
    entry.user_data = std::bit_cast<std::uint64_t>(&operation) | kind_operation;
}

void queue::batch_completed(std::uint64_t kind, int outcome, unsigned flags) {
    if (kind == kind_register) return;  // refused: who uses the data meets EFAULT
    if (kind == kind_fetch) return batch_arrived(outcome, flags);
    if (kind == kind_commit) return batch_committed(outcome);
    with_kernel_ -= 1;
    prepared_ = true;
    if (outcome < 0) fetch_refusal_ = -outcome;
}

void queue::tag_completed(slot& s, int outcome) {
    if (s.awaited) with_kernel_ -= 1;
    s.with = slot::owner::nobody;
    if (outcome == uapi::io_res_ok) [[likely]] {
        return arrived(s);
    }
    if (outcome == uapi::io_res_need_get_data) return data_wanted(s);
    if (s.asked) [[unlikely]]
        data_refused(s, -outcome);
    if (outcome == uapi::io_res_abort) return round_ends();
    if (fetching_) {
        fetch_refusal_ = -outcome;
        return;
    }
    answer_again(s, -outcome);
}

// Gives back whether an answer is sent whose own completion comes at once.
bool queue::prepare_to_wait() {
    if (fetch_again_) [[unlikely]]
        fetch_batch();
    tell_latency();
    const bool sent = send_answers();
    if (holding_ && !held_ && with_target_ == kept_.size()) [[unlikely]]
        told_to_hold();
    // An answer that met the end of the round on its way never comes back.
    if (round_over_ && with_target_ == 0 && !loop_.shared()) loop_.drain(*this);
    return sent && fetch_under_way_ && !leaving_;
}

// An answer may lie in the target's memory until the kernel has it.
void queue::told_to_hold() {
    loop_.flush();
    if (io_uring_sq_ready(&ring_.raw()) != 0) return loop_.mark(*this);
    held_ = true;
    listener_.queue_held();
}

void queue::count_turn(std::uint64_t enters) {
    counters_.turns.add(1);
    counters_.completions.add(came_);
    if (!loop_.shared()) counters_.enters.set(enters);
    else if (batch_ != 0) counters_.enters.add(enters);
    if (batch_ != 0) {
        // Answers of the turn before may not have been with the kernel yet.
        const unsigned most = carried_ + batch_before_ + batch_;
        counters_.was_full.set(most >= spec_.depth / spec_.parts ? 1 : 0);
        batch_before_ = batch_;
    }
    carried_ = with_target_;
    counters_.largest_batch.raise_to(batch_);
    counters_.frames_on_heap.set(frames_from_heap());
}

}  // namespace ashlar::queue
