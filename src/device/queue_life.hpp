// SPDX-License-Identifier: MIT
// A queue of a device and where it is served: by a thread of its own, or by one of ashlar::threads.
#pragma once

#include "device/life.hpp"
#include "device/threads.hpp"
#include "queue/queue.hpp"
#include "queue/serving_thread.hpp"

namespace ashlar {

class device::implementation::queue_life final : public queue::listener,
                                                 public std::enable_shared_from_this<queue_life> {
public:
    queue_life(implementation& home, const queue::queue_spec& spec)
        : home_(&home), monitor_(home.monitor_), spec_(spec) {
        counters.make_room(spec.depth);
    }

    // Gets it a thread, and has that open the queue and fetch.
    result<> begin(std::span<const unsigned> cpus);

    // Of the device's thread, which does not wait here.
    void hold();
    void go_on(std::uint64_t size);
    void leave();
    // It has ended, or never begun: gives back what it has.
    void close();
    // It does not end: leaves it to its thread, which is not this device's alone.
    void abandon();
    [[nodiscard]] bool begun() const { return where_ != nullptr; }
    [[nodiscard]] bool shared() const { return where_ != nullptr && !own_; }

    queue::counters counters;
    // Guarded by the device's monitor.
    stage reached = stage::opening;
    error failed = {};
    bool has_failed = false;
    bool held = false;

private:
    [[nodiscard]] std::string name() const;
    void open();
    void reach(stage s);
    void fail(error e);
    void queue_held() override;
    void queue_comes_back() override;
    void queue_ended() override;
    void tell_end();
    // Has the serving thread call it if the queue is served.
    template <class F>
    void post(F&& act);

    implementation* home_;  // null once it is abandoned; guarded by the monitor
    std::shared_ptr<os::monitor> monitor_;
    queue::queue_spec spec_;
    std::shared_ptr<threads::implementation> among_;
    std::unique_ptr<queue::serving_thread> own_;
    queue::loop* where_ = nullptr;
    // The serving thread's, and after the end of one of its own the device's.
    std::unique_ptr<queue::queue> served_;
    bool over_ = false;
};

}  // namespace ashlar
