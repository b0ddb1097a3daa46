// SPDX-License-Identifier: MIT
// A promise that says what to return when a frame can't be allocated: its operator new takes the
// size alone and is noexcept. It may take the coroutine's arguments too, and choose the storage.

#include "support.hpp"

using namespace sample;

int frames_left = 0;

struct storage {
    alignas(std::max_align_t) std::byte space[512];
    bool taken = false;
};

class job {
public:
    struct promise_type {
        int result = 0;

        static void* operator new(std::size_t size) noexcept {
            return frames_left-- > 0 ? std::malloc(size) : nullptr;
        }
        static void* operator new(std::size_t size, storage& own, int) noexcept {
            if (own.taken || size > sizeof own.space) return nullptr;
            own.taken = true;
            return own.space;
        }
        static void operator delete(void*) {}
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
    const void* frame() const { return frame_ ? frame_.address() : nullptr; }

private:
    explicit job(handle frame) : frame_{frame} {}

    handle frame_;
};

// Not inline: a compiler may otherwise do without the allocation of a frame, as it is allowed to.
[[gnu::noinline]] job give(int value) { co_return value; }
[[gnu::noinline]] job give_in(storage&, int value) { co_return value; }

int main() {
    const job none = give(1);
    expect("a frame that can't be allocated", none.result() == -1);

    storage own;
    const job first = give_in(own, 2);
    const job second = give_in(own, 3);
    expect("a frame in storage of one's own", first.result() == 2 && first.frame() == own.space);
    expect("a frame in storage that is taken", second.result() == -1);
    return verdict();
}
