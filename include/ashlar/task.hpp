// SPDX-License-Identifier: MIT
// ashlar::task<T>: the coroutine of an asynchronous handler. It is lazy: it runs when it is
// awaited, or when the queue starts it. It belongs to one queue thread for its whole life.
//
// A frame's memory comes from the request that is being served (each tag owns some), so that a
// request costs no heap; what does not fit there goes to the heap and is counted
// (`frames_on_heap`).
//
// g++ 12 miscompiles some coroutine forms: await only in a statement of its own, see
// docs/writing-a-target.md.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace ashlar {

template <class T = void>
class task;

namespace detail {

// Memory of coroutine frames (src/queue/frames.cpp).
void* frame_allocate(std::size_t bytes);
void frame_release(void* frame) noexcept;

// What a promise of any task has. A task that is awaited resumes who awaits it; the task of a
// handler has nobody who awaits it and tells its request instead (`ended`).
struct promise_base {
    std::coroutine_handle<> awaiter;
    void (*ended)(void* context) noexcept = nullptr;
    void* context = nullptr;
    std::exception_ptr exception;

    static void* operator new(std::size_t bytes) { return frame_allocate(bytes); }
    static void operator delete(void* frame) noexcept { frame_release(frame); }

    struct final_awaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
            promise_base& promise = self.promise();
            if (promise.awaiter) return promise.awaiter;
            // `ended` destroys this frame: nothing of it may be touched afterwards.
            if (promise.ended != nullptr) promise.ended(promise.context);
            return std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };

    std::suspend_always initial_suspend() noexcept { return {}; }
    final_awaiter final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct promise : promise_base {
    std::optional<T> value;

    task<T> get_return_object() noexcept;
    template <class U>
    void return_value(U&& u) {
        value.emplace(std::forward<U>(u));
    }
    T take() {
        if (exception) std::rethrow_exception(exception);
        return std::move(*value);
    }
};

template <>
struct promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() noexcept {}
    void take() const {
        if (exception) std::rethrow_exception(exception);
    }
};

}  // namespace detail

template <class T>
class [[nodiscard]] task {
public:
    using promise_type = detail::promise<T>;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle h) noexcept : handle_(h) {}
    task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    task& operator=(task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() {
        if (handle_) handle_.destroy();
    }

    // The frame becomes the caller's, who has to destroy it.
    handle release() noexcept { return std::exchange(handle_, {}); }

    auto operator co_await() && noexcept {
        struct awaiter {
            handle awaited;
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) noexcept {
                awaited.promise().awaiter = who;
                return awaited;
            }
            T await_resume() { return awaited.promise().take(); }
        };
        return awaiter{handle_};
    }

private:
    handle handle_;
};

namespace detail {

template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<promise<T>>::from_promise(*this));
}

inline task<void> promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<promise<void>>::from_promise(*this));
}

}  // namespace detail

}  // namespace ashlar
