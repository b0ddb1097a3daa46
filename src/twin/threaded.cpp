// SPDX-License-Identifier: MIT
#include "twin/threaded.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

namespace ashlar::twin {

namespace {

using clock = std::chrono::steady_clock;

// Numbers of threads, over all executors; the first use by a thread gives it one.
task number_of_this_thread() {
    static std::atomic<task> last = 0;
    thread_local const task mine = ++last;
    return mine;
}

class joining_thread final : public os::thread {
public:
    explicit joining_thread(std::thread t) : thread_(std::move(t)) {}
    ~joining_thread() override { thread_.join(); }

private:
    std::thread thread_;
};

}  // namespace

threaded_executor::threaded_executor() : events_([this] { run_events(); }) {}

threaded_executor::~threaded_executor() {
    {
        std::unique_lock lock(mutex_);
        workers_changed_.wait(lock, [this] { return workers_ == 0; });
        ending_ = true;
    }
    events_changed_.notify_all();
    events_.join();
}

task threaded_executor::current() const { return number_of_this_thread(); }

std::uint64_t threaded_executor::now() const {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch())
            .count());
}

bool threaded_executor::wait(wait_queue& q, std::uint64_t until_ns) {
    if (until_ns == os::no_timeout) {
        q.changed.wait(mutex_);
        return true;
    }
    const clock::time_point until{std::chrono::nanoseconds(until_ns)};
    return q.changed.wait_until(mutex_, until) == std::cv_status::no_timeout;
}

void threaded_executor::at(std::uint64_t time_ns, event e) {
    timers_.push_back({time_ns, ++timers_made_, e});
    std::ranges::push_heap(timers_, &later);
    events_changed_.notify_all();
}

void threaded_executor::run_events() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        if (timers_.empty()) {
            events_changed_.wait(lock);
        } else if (timers_.front().time > now()) {
            const clock::time_point until{std::chrono::nanoseconds(timers_.front().time)};
            events_changed_.wait_until(lock, until);
        } else {
            std::ranges::pop_heap(timers_, &later);
            const event due = timers_.back().what;
            timers_.pop_back();
            due.run(due.object, due.argument);
        }
    }
}

result<std::unique_ptr<os::thread>> threaded_executor::start_thread(process& owner,
                                                                    const std::string&,
                                                                    std::function<void()> body) {
    return std::make_unique<joining_thread>(std::thread([this, &owner, run = std::move(body)] {
        run();
        std::lock_guard lock(mutex_);
        if (task_ended) task_ended(number_of_this_thread(), owner);
    }));
}

void threaded_executor::start_worker(const char*, std::function<void()> body) {
    workers_ += 1;
    std::thread([this, run = std::move(body)] {
        std::lock_guard lock(mutex_);
        run();
        workers_ -= 1;
        workers_changed_.notify_all();
    }).detach();
}

}  // namespace ashlar::twin
