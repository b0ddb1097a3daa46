// SPDX-License-Identifier: MIT
// Lambdas beside an await: named before it, so that they outlive it.

#include "support.hpp"

using namespace sample;

template <class F>
task<int> with(F call) {
    co_await event();
    co_return call();
}

task<int> as_argument() {
    const counted three{3};
    const auto by_copy = [held = three] { return held.value(); };
    const auto by_reference = [&three] { return three.value(); };
    const int first = co_await with(by_copy);
    const int second = co_await with(by_reference);
    co_return first + second;
}

task<int> as_coroutine() {
    const auto add = [](counted first, int second) -> task<int> {
        co_await event();
        co_return first.value() + second;
    };
    const int got = co_await add(counted{1}, 2);
    co_return got;
}

int main() {
    expect("a named lambda as an argument", 6, as_argument());
    expect("a named lambda as a coroutine", 3, as_coroutine());
    return verdict();
}
