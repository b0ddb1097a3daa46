// SPDX-License-Identifier: MIT
// An if statement that awaits in its condition and has an else.

#include "support.hpp"

using namespace sample;

task<int> at_once(bool answer) {
    if (co_await soon(answer)) {
        co_return 1;
    } else {
        co_return 2;
    }
}

task<int> by_event(bool answer) {
    if (co_await later(answer)) co_return 1;
    else co_return 2;
}

int main() {
    expect("if with else, taken", 1, at_once(true));
    expect("if with else, not taken", 2, at_once(false));
    expect("if with else, taken after an event", 1, by_event(true));
    expect("if with else, not taken after an event", 2, by_event(false));
    return verdict();
}
