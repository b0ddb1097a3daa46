// SPDX-License-Identifier: MIT
// A promise whose operator new takes std::nothrow, beside get_return_object_on_allocation_failure.
//
// The form reads well and does not work: in the scope of a promise only a size, or a size and the
// coroutine's arguments, are passed on. g++ 12 rejects it; clang takes it and calls the global
// operator new instead. good_allocation_failure.cpp has the form that both honour.

#include "support.hpp"

#include <new>

using namespace sample;

class job {
public:
    struct promise_type {
        int result = 0;

        static void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
            return ::operator new(size, std::nothrow);
        }
        static void operator delete(void* frame) { ::operator delete(frame); }
        static job get_return_object_on_allocation_failure() { return job{nullptr}; }

        job get_return_object() { return job{handle::from_promise(*this)}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_value(int value) { result = value; }
        void unhandled_exception() { std::abort(); }
    };

    using handle = std::coroutine_handle<promise_type>;

    job(job&& other) noexcept : frame_{std::exchange(other.frame_, nullptr)} {}
    ~job() {
        if (frame_) frame_.destroy();
    }
    int result() const { return frame_ ? frame_.promise().result : -1; }

private:
    explicit job(handle frame) : frame_{frame} {}

    handle frame_;
};

job give(int value) { co_return value; }

int main() {
    const job one = give(1);
    expect("a frame that was allocated", one.result() == 1);
    return verdict();
}
