// SPDX-License-Identifier: MIT
// A million awaits in a row. Without optimisation g++ lets each of them use up stack, unless the
// flag comes along that ashlar's package asks for (-foptimize-sibling-calls).
#include <ashlar/ashlar.hpp>

#include <cstdio>

namespace {

// Runs at once, and is awaited by nobody.
struct driver {
    struct promise_type {
        driver get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

ashlar::task<long> one() { co_return 1; }

driver count(long* sum, long times) {
    for (long i = 0; i < times; ++i) {
        long more = co_await one();
        *sum += more;
    }
}

}  // namespace

int main() {
    constexpr long times = 1'000'000;
    long sum = 0;
    count(&sum, times);
    std::printf("%ld\n", sum);
    return sum == times ? 0 : 1;
}
