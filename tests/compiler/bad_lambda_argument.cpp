// SPDX-License-Identifier: MIT
// A lambda with a capture that is not trivial, made in the argument list of what is awaited.

#include "support.hpp"

using namespace sample;

template <class F>
task<int> with(F call) {
    co_await event();
    co_return call();
}

task<int> work() {
    const counted three{3};
    const int got = co_await with([held = three] { return held.value(); });
    co_return got;
}

int main() {
    expect("lambda as an argument", 3, work());
    return verdict();
}
