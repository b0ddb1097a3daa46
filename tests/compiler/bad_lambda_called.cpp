// SPDX-License-Identifier: MIT
// A lambda coroutine with a capture that is not trivial, made and awaited in one expression.

#include "support.hpp"

using namespace sample;

task<int> work() {
    const counted three{3};
    const int got = co_await [held = three]() -> task<int> {
        co_await event();
        co_return held.value();
    }();
    co_return got;
}

int main() {
    expect("lambda called where it stands", 3, work());
    return verdict();
}
