// SPDX-License-Identifier: MIT
// One data sync at a time for each queue: flushes that come while one runs share the next. It is
// not speed alone. The kernel tells an error of write-back to the first sync of an open file that
// looks for it, and of two syncs that run at the same time only one fails: the other's flush would
// be answered as a success.
//
// Threads: a gate belongs to one queue.
#pragma once

#include <ashlar/io.hpp>

#include <atomic>
#include <coroutine>
#include <system_error>
#include <utility>

namespace ashlar::targets {

class sync_turn;

class sync_gate {
public:
    // `fd`: an open file description of this queue's own.
    explicit sync_gate(int fd) : fd_(fd) {}
    sync_gate(const sync_gate&) = delete;
    sync_gate& operator=(const sync_gate&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    // True if the gate is this queue's, or becomes it. From any thread.
    bool belongs_to(const ring_io& queue) noexcept {
        const ring_io* nobody = nullptr;
        return queue_.load(std::memory_order_acquire) == &queue ||
               queue_.compare_exchange_strong(nobody, &queue);
    }

private:
    friend class sync_turn;
    std::atomic<const ring_io*> queue_ = nullptr;
    int fd_;
    bool busy_ = false;
    sync_turn* waiting_ = nullptr;  // for the next sync
    sync_turn* sharing_ = nullptr;  // the one that runs
};

// A flush at the gate, in its coroutine's frame:
//
//     sync_turn turn(gate);
//     const bool leads = co_await turn;
//     if (!leads) co_return turn.outcome();       // another has done it
//     const std::error_code failed = co_await ring.data_sync(gate.fd());
//     turn.end(failed);                            // for all who share it; the next sync begins
//
// A frame that is destroyed before that leaves the gate as if it had never come.
class sync_turn {
public:
    explicit sync_turn(sync_gate& gate) noexcept : gate_(gate) {}
    sync_turn(const sync_turn&) = delete;
    sync_turn& operator=(const sync_turn&) = delete;
    ~sync_turn() {
        if (leads_) gate_.busy_ = false;
        unlink(gate_.waiting_);
        unlink(gate_.sharing_);
    }

    bool await_ready() noexcept {
        if (gate_.busy_) return false;
        return gate_.busy_ = leads_ = true;
    }
    void await_suspend(std::coroutine_handle<> who) noexcept {
        who_ = who;
        next_ = std::exchange(gate_.waiting_, this);
    }
    [[nodiscard]] bool await_resume() const noexcept { return leads_; }
    [[nodiscard]] std::error_code outcome() const noexcept { return outcome_; }

    void end(std::error_code outcome) {
        leads_ = false;
        sync_turn* shared = std::exchange(gate_.sharing_, nullptr);
        sync_turn* leader = std::exchange(gate_.waiting_, nullptr);
        gate_.busy_ = leader != nullptr;
        if (leader != nullptr) {
            gate_.sharing_ = std::exchange(leader->next_, nullptr);
            leader->leads_ = true;
            leader->who_.resume();
        }
        while (shared != nullptr) {
            // It is gone once it has been resumed.
            sync_turn* next = shared->next_;
            shared->outcome_ = outcome;
            shared->who_.resume();
            shared = next;
        }
    }

private:
    void unlink(sync_turn*& list) noexcept {
        for (sync_turn** at = &list; *at != nullptr; at = &(*at)->next_) {
            if (*at != this) continue;
            *at = next_;
            return;
        }
    }

    sync_gate& gate_;
    sync_turn* next_ = nullptr;
    std::coroutine_handle<> who_;
    std::error_code outcome_;
    bool leads_ = false;
};

}  // namespace ashlar::targets
