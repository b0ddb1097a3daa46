// SPDX-License-Identifier: MIT
// Who runs when. The twin's kernel and everything that runs on it are tasks (threads of processes,
// workers of the kernel) and events (a completion, a timer). Two executors run them: `stepped`,
// where one seeded scheduler takes one step at a time on the caller's own thread, and `threaded`,
// where tasks are threads of this machine.
//
// There is one lock for the whole kernel. Steps need none: a task runs until it waits.
#pragma once

#include "os/machine.hpp"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ashlar::twin {

class process;

// A thread of a process or of the kernel. 0 is nobody; 1 is the thread that made the kernel.
using task = std::uint32_t;

// A small thing to do: no allocation, no destructor.
struct event {
    void (*run)(void* object, std::uint64_t argument) = nullptr;
    void* object = nullptr;
    std::uint64_t argument = 0;
};

// What tasks wait for. Whoever changes the state that they look at wakes it.
struct wait_queue {
    const char* what = "something";       // for messages about a standstill
    std::vector<void*> sleepers = {};     // of the stepped executor
    std::condition_variable_any changed;  // of the threaded one
};

class executor {
public:
    virtual ~executor() = default;

    // The kernel's lock; `wait` gives it up meanwhile. Not recursive.
    virtual void lock() = 0;
    virtual void unlock() = 0;

    [[nodiscard]] virtual task current() const = 0;
    [[nodiscard]] virtual std::uint64_t now() const = 0;  // nanoseconds

    // With the lock held: until somebody wakes the queue or the time has come; may wake without
    // cause. False when the time has come. Never returns in a task of a killed process.
    virtual bool wait(wait_queue& q, std::uint64_t until_ns = os::no_timeout) = 0;
    virtual void wake(wait_queue& q) = 0;
    // Waits until `condition()`; false when the time has come and it is still not so.
    template <class F>
    bool wait_until(wait_queue& q, std::uint64_t until_ns, F&& condition) {
        while (!condition()) {
            if (!wait(q, until_ns)) return condition();
        }
        return true;
    }

    // A point where others may run first.
    virtual void pause() = 0;

    // Events run with the lock held. `soon` is as early or late as the scheduler likes.
    virtual void at(std::uint64_t time_ns, event e) = 0;
    virtual void soon(event e) = 0;

    // A thread of a process: `body` runs without the lock.
    virtual result<std::unique_ptr<os::thread>> start_thread(process& owner,
                                                             const std::string& name,
                                                             std::function<void()> body) = 0;
    // A worker of the kernel, which ends by itself: `body` runs with the lock held.
    virtual void start_worker(const char* name, std::function<void()> body) = 0;
    // Ends the tasks of a process where they are; nothing of their stacks is destroyed. Only the
    // stepped executor can. A task that ends its own process does not come back from this call.
    virtual void end_tasks_of(process& owner) = 0;

    // Called with the lock held when a thread of a process has ended by itself.
    std::function<void(task, process&)> task_ended;
};

// The lock, for a scope.
class locked {
public:
    explicit locked(executor& e) : executor_(e) { executor_.lock(); }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() { executor_.unlock(); }

private:
    executor& executor_;
};

// A mutex of the kernel: tasks wait for it in any order.
class kernel_mutex {
public:
    explicit kernel_mutex(executor& e) : executor_(e) {}
    [[nodiscard]] bool held() const { return owner_ != 0; }
    void lock() {
        while (owner_ != 0) executor_.wait(waiters_);
        owner_ = executor_.current();
    }
    // False when `given_up()` turned true meanwhile.
    template <class F>
    bool lock_unless(F&& given_up) {
        while (owner_ != 0) {
            if (given_up()) return false;
            executor_.wait(waiters_);
        }
        owner_ = executor_.current();
        return true;
    }
    void unlock() {
        owner_ = 0;
        executor_.wake(waiters_);
    }
    wait_queue& waiters() { return waiters_; }

private:
    executor& executor_;
    wait_queue waiters_;
    task owner_ = 0;
};

}  // namespace ashlar::twin
