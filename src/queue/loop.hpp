// SPDX-License-Identifier: MIT
// The ring of a serving thread and the queues that it serves: one, or those of many devices. What a
// turn has produced for any of them goes down with one system call, which waits for all of them.
//
// All functions but `post` and `end` belong to the thread that opened the ring.
#pragma once

#include "os/ring.hpp"
#include "queue/pool.hpp"

#include <ashlar/io.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace ashlar::queue {

class queue;

class loop {
public:
    // A shared one may get any number of queues, and goes on when one of them has ended.
    // For so many nanoseconds it looks for completions before it sleeps, while they come densely.
    static result<std::unique_ptr<loop>> make(os::machine& m, bool shared, std::uint64_t spin_ns);
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    result<> open(unsigned entries);
    // One turn; blocks until something has happened. False once `end` was called and no queue is
    // left.
    bool turn();

    // From any thread: has the serving thread call it between two turns.
    void post(std::function<void()> word);
    void end() {
        post([this] { ending_ = true; });
    }

    // ---- for its queues ----
    [[nodiscard]] bool shared() const { return shared_; }
    [[nodiscard]] os::ring& ring() { return *ring_; }
    [[nodiscard]] pool& buffers() { return buffers_; }
    // The number by which completions name it.
    unsigned join(queue& q);
    void leave(queue& q, std::uint64_t number);
    // It stays as it is until the ring is closed, and nobody waits for its end.
    void abandon() { joined_ -= 1; }
    // Has the queue's turn come at the end of this one, and its end be seen.
    void mark(queue& q);
    // Puts down what is prepared, and handles what has completed by then.
    result<> submit_all();
    // Waits for a completion, and handles it later.
    void wait_for_one() { ring_->enter(1, os::no_timeout); }
    void flush();
    // An operation whose entry finds no room goes down later.
    void submit(ring_operation& operation);
    // `count` places in a row in the ring's table of buffers.
    result<unsigned> take_places(unsigned count);
    void give_back_places(unsigned first, unsigned count);
    // The queue, the only one, waits for tags that may never come back.
    void drain(queue& q) { draining_ = &q; }

private:
    loop(os::machine& m, bool shared, std::uint64_t spin_ns)
        : machine_(m),
          shared_(shared),
          spin_ns_(spin_ns),
          words_lock_(m.make_monitor()),
          buffers_(m) {}
    void arm_wakeup();
    void hear();
    unsigned prepare_queues();
    void end_queues();
    void take();
    void completed(std::uint64_t user_data, int outcome, unsigned flags);
    void submit_postponed();
    bool enter(unsigned wait);
    void spin(unsigned wait);

    os::machine& machine_;
    const bool shared_;
    const std::uint64_t spin_ns_;
    std::unique_ptr<os::monitor> words_lock_;
    std::vector<std::function<void()>> words_;  // guarded by it
    pool buffers_;
    std::unique_ptr<os::ring> ring_;
    int wakeup_fd_ = -1;
    std::uint64_t wakeup_value_ = 0;
    std::vector<queue*> queues_;  // by number; null where none is
    unsigned joined_ = 0;
    std::vector<queue*> active_;  // those with something to do
    std::vector<queue*> ended_;
    std::vector<ring_operation*> postponed_;
    std::vector<bool> places_;  // of the table of buffers: in use
    queue* draining_ = nullptr;
    std::uint64_t turn_began_ns_ = 0;
    std::uint64_t wait_began_ns_ = 0;  // where it spins
    bool dense_ = false;               // the last wait was shorter than a spin
    std::uint64_t enters_ = 0;         // as they were told to queues
    bool woken_ = true;
    bool ending_ = false;
};

}  // namespace ashlar::queue
