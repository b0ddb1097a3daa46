// SPDX-License-Identifier: MIT
// What the samples of this folder share: a task of their own, counted objects, and a verdict.
//
// A sample is one small program about one way to write a coroutine. It exits 0 if the compiler did
// what the language says and 1 if not. The task here is on purpose not ashlar's: the samples judge
// a compiler, so they depend on nothing else, and stay as they are while ashlar's task changes.
// What goes wrong is noticed by a ledger of live objects (one destroyed twice, moved as bare bytes,
// never destroyed), by the value that main expects, and by a budget that ends an endless loop.
// One thread. Each sample is compiled several times in a test run, so includes are light and what
// need not be inline is not: it halves the time at -O2.

#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace sample {

inline int faults = 0;

// Notes something that a right compiler can't bring about.
[[gnu::noinline]] inline void fault(const char* what) {
    if (++faults <= 5) std::fprintf(stderr, "fault: %s\n", what);
}

// Called at each step of a coroutine: ends a program whose control flow has gone astray.
inline void spend() {
    static constexpr int steps_max = 20'000'000;
    static int steps = 0;
    if (++steps <= steps_max) return;
    std::fprintf(stderr, "fault: a loop does not end\n");
    std::_Exit(1);
}

// The addresses of all counted objects that are alive.
class ledger {
public:
    [[gnu::noinline]] void enter(const void* object) {
        if (knows(object)) return fault("an object was built over a live one");
        if (count_ == live_max) return fault("too many objects are alive");
        slots_[count_++] = object;
    }

    [[gnu::noinline]] void leave(const void* object) {
        for (std::size_t at = 0; at < count_; ++at) {
            if (slots_[at] != object) continue;
            slots_[at] = slots_[--count_];
            return;
        }
        fault("an object was destroyed that was not alive");
    }

    [[gnu::noinline]] bool knows(const void* object) const {
        for (std::size_t at = 0; at < count_; ++at) {
            if (slots_[at] == object) return true;
        }
        return false;
    }

    bool empty() const { return count_ == 0; }

private:
    static constexpr std::size_t live_max = 64;
    const void* slots_[live_max] = {};
    std::size_t count_ = 0;
};

inline ledger live;

// A value that knows its own address and is entered in the ledger while it lives. Its constructors
// and destructor are what makes a class 'non-trivial': the broken forms need one to show.
class counted {
public:
    counted(int value = 0) : value_{value} { live.enter(this); }
    counted(const counted& other) : value_{other.value()} { live.enter(this); }
    counted(counted&& other) noexcept : value_{other.value()} { live.enter(this); }
    counted& operator=(const counted& other) {
        value_ = other.value();
        return *this;
    }
    ~counted() { live.leave(this); }

    int value() const {
        if (!live.knows(this)) fault("an object was used that is not alive");
        return value_;
    }

private:
    int value_;
};

// A lazy coroutine. Awaiting it passes control by symmetric transfer, there and back.
template <class T = int>
class task {
public:
    struct promise_type {
        T result{};
        std::exception_ptr thrown;
        std::coroutine_handle<> waiter = std::noop_coroutine();

        struct hand_back {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) const noexcept {
                return self.promise().waiter;
            }
            void await_resume() const noexcept {}
        };

        task get_return_object() { return task{handle::from_promise(*this)}; }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        hand_back final_suspend() const noexcept { return {}; }
        void return_value(T value) { result = std::move(value); }
        void unhandled_exception() { thrown = std::current_exception(); }
    };

    using handle = std::coroutine_handle<promise_type>;

    task(task&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    task& operator=(task&&) = delete;
    ~task() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
        spend();
        frame_.promise().waiter = waiter;
        return frame_;
    }
    T await_resume() { return result(); }

    void start() { frame_.resume(); }
    bool done() const { return frame_.done(); }
    T result() {
        if (!frame_.done()) fault("a coroutine gave control back before its end");
        if (frame_.promise().thrown) std::rethrow_exception(frame_.promise().thrown);
        return std::move(frame_.promise().result);
    }

private:
    explicit task(handle frame) : frame_{frame} {}

    handle frame_;
};

// Whoever waits for an event that main brings about, as a completion would.
inline std::coroutine_handle<> waiting;

struct event {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) const noexcept { waiting = waiter; }
    void await_resume() const noexcept {}
};

// A coroutine that yields its argument: at once, or when an event has come.
template <class T>
task<T> soon(T value) {
    co_return value;
}

template <class T>
task<T> later(T value) {
    co_await event();
    co_return value;
}

// Runs a coroutine to its end and compares what it gives.
[[gnu::noinline]] inline void expect(const char* what, int value, task<int> work) {
    work.start();
    while (waiting) {
        spend();
        std::exchange(waiting, nullptr).resume();
    }
    if (!work.done()) {
        std::fprintf(stderr, "fault: %s: never completes\n", what);
        std::_Exit(1);
    }
    const int got = work.result();
    if (got == value) return;
    std::fprintf(stderr, "fault: %s: %d instead of %d\n", what, got, value);
    ++faults;
}

[[gnu::noinline]] inline void expect(const char* what, bool holds) {
    if (!holds) fault(what);
}

// What main returns: 0 if all was right and every counted object is gone.
[[gnu::noinline]] inline int verdict() {
    if (!live.empty()) fault("an object was never destroyed");
    return faults == 0 ? 0 : 1;
}

}  // namespace sample
