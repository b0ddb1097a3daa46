// SPDX-License-Identifier: MIT
// The executor of simulations: everything runs on the caller's thread, one step at a time, in an
// order that a seed chooses. Time stands still but for what a step costs, and jumps to the next
// timer when there is nothing else to do.
#pragma once

#include "twin/executor.hpp"
#include "twin/random.hpp"

#include <stdexcept>

namespace ashlar::twin {

// Nothing can run any more, and somebody waits.
struct standstill : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class stepped_executor final : public executor {
public:
    // In order of arrival unless `any_order`.
    stepped_executor(random& choices, bool any_order);
    ~stepped_executor() override;

    // ---- for who drives it, on the thread that made it and not from within a step ----
    // Runs one task until it waits, or one event. False when there is nothing to run, ever.
    bool step();
    // Steps until the condition holds; false after so many steps. Throws standstill.
    template <class F>
    bool run_until(F&& condition, std::uint64_t steps_max = ~0ULL) {
        for (std::uint64_t n = 0; !condition(); ++n) {
            if (n == steps_max) return false;
            if (!step()) throw standstill(waiting());
        }
        return true;
    }
    [[nodiscard]] std::uint64_t steps() const { return steps_; }
    [[nodiscard]] std::string waiting() const;  // who waits for what, a line each
    // The process whose task runs now; null in the kernel and outside.
    [[nodiscard]] process* running() const;

    std::function<void()> before_step;        // may kill processes
    void (*switched)(process* to) = nullptr;  // whose memory is in use from now on

    // ---- executor ----
    void lock() override {}
    void unlock() override {}
    [[nodiscard]] task current() const override;
    [[nodiscard]] std::uint64_t now() const override { return now_; }
    bool wait(wait_queue& q, std::uint64_t until_ns) override;
    void wake(wait_queue& q) override;
    void pause() override;
    void at(std::uint64_t time_ns, event e) override;
    void soon(event e) override { events_.push_back(e); }
    result<std::unique_ptr<os::thread>> start_thread(process& owner, const std::string& name,
                                                     std::function<void()> body) override;
    void start_worker(const char* name, std::function<void()> body) override;
    void end_tasks_of(process& owner) override;

private:
    struct fiber;
    struct timer {
        std::uint64_t time, number;
        event what;
        task sleeper;         // 0: an event
        std::uint64_t sleep;  // which of its sleeps
    };
    friend class fiber_thread;
    std::shared_ptr<fiber> make(process* owner, std::string name, std::function<void()> body);
    void run(fiber& f);
    void leave();
    void finish(fiber& f);
    void drop(fiber& f);
    void push_timer(timer t);
    void fire_timers();
    static void entered();

    random& choices_;
    bool any_order_;
    std::uint64_t now_ = 1'000'000'000, steps_ = 0, timers_made_ = 0;
    std::unique_ptr<fiber> root_;
    fiber* current_;
    task last_task_ = 1;
    std::vector<std::shared_ptr<fiber>> fibers_;
    std::vector<fiber*> ready_;
    std::vector<event> events_;
    std::vector<timer> timers_;  // a heap
    fiber* dropped_ = nullptr;   // ended its own process, and its stack is still in use
};

}  // namespace ashlar::twin
