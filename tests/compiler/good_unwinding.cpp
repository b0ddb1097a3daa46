// SPDX-License-Identifier: MIT
// Frames that end early: by an exception that passes through them, or destroyed while suspended.

#include "support.hpp"

using namespace sample;

struct trouble {
    int depth;
};

task<int> fall(int depth, counted held) {
    const counted local{depth};
    if (depth == 0) throw trouble{held.value()};
    const int below = co_await fall(depth - 1, counted{held.value() + 1});
    co_return below + local.value();
}

task<int> fall_and_catch() {
    int caught = 0;
    try {
        co_await fall(3, counted{1});
    } catch (const trouble& what) {
        caught = what.depth;
    }
    co_await event();
    co_return caught;
}

task<int> wait_below(int depth, counted held) {
    const counted local{depth};
    if (depth == 0) co_await event();
    else co_await wait_below(depth - 1, counted{depth});
    co_return held.value() + local.value();
}

int main() {
    expect("an exception through frames", 4, fall_and_catch());
    {
        auto chain = wait_below(3, counted{1});
        chain.start();
        expect("a chain that waits", !chain.done() && waiting != nullptr);
    }
    waiting = nullptr;
    { const auto never_started = wait_below(3, counted{1}); }
    return verdict();
}
