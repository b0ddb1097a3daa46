// SPDX-License-Identifier: MIT
// The executor of real threads: tasks are threads of this machine, time is its clock. For tests of
// what threads do to each other, and for measuring.
#pragma once

#include "twin/executor.hpp"

#include <mutex>
#include <thread>

namespace ashlar::twin {

class threaded_executor final : public executor {
public:
    threaded_executor();
    ~threaded_executor() override;

    void lock() override { mutex_.lock(); }
    void unlock() override { mutex_.unlock(); }
    [[nodiscard]] task current() const override;
    [[nodiscard]] std::uint64_t now() const override;
    bool wait(wait_queue& q, std::uint64_t until_ns) override;
    void wake(wait_queue& q) override { q.changed.notify_all(); }
    void pause() override {}
    void at(std::uint64_t time_ns, event e) override;
    void soon(event e) override { at(0, e); }
    result<std::unique_ptr<os::thread>> start_thread(process& owner, const std::string& name,
                                                     std::function<void()> body) override;
    void start_worker(const char* name, std::function<void()> body) override;
    void end_tasks_of(process&) override {}

private:
    struct timer {
        std::uint64_t time, number;
        event what;
    };
    static bool later(const timer& a, const timer& b) {
        return a.time != b.time ? a.time > b.time : a.number > b.number;
    }
    void run_events();

    std::mutex mutex_;
    std::condition_variable_any events_changed_, workers_changed_;
    std::vector<timer> timers_;  // a heap
    std::uint64_t timers_made_ = 0;
    unsigned workers_ = 0;
    bool ending_ = false;
    std::thread events_;
};

}  // namespace ashlar::twin
