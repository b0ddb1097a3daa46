// SPDX-License-Identifier: MIT
// An if statement whose condition is the negation of what is awaited.

#include "support.hpp"

using namespace sample;

task<int> at_once(bool answer) {
    if (!co_await soon(answer)) co_return 1;
    co_return 2;
}

task<int> by_event(bool answer) {
    if (!co_await later(answer)) {
        co_return 1;
    }
    co_return 2;
}

int main() {
    expect("if not, taken", 1, at_once(false));
    expect("if not, not taken", 2, at_once(true));
    expect("if not, taken after an event", 1, by_event(false));
    expect("if not, not taken after an event", 2, by_event(true));
    return verdict();
}
