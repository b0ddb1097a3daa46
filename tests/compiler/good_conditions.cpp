// SPDX-License-Identifier: MIT
// The house form of a condition: await into a name, then ask the name.

#include "support.hpp"

using namespace sample;

task<int> plain(bool answer) {
    const bool yes = co_await soon(answer);
    if (yes) co_return 1;
    co_return 2;
}

task<int> with_else(bool answer) {
    const bool yes = co_await later(answer);
    if (!yes) {
        co_return 2;
    } else {
        co_return 1;
    }
}

task<int> both(bool first, bool answer) {
    bool yes = first;
    if (yes) yes = co_await later(answer);
    if (yes) co_return 1;
    co_return 2;
}

task<int> choice(int which) {
    const int got = co_await soon(which);
    switch (got) {
        case 1: co_return 10;
        case 2: co_return 20;
        default: break;
    }
    co_return 30;
}

int main() {
    expect("if, taken", 1, plain(true));
    expect("if, not taken", 2, plain(false));
    expect("else, not taken", 1, with_else(true));
    expect("else, taken", 2, with_else(false));
    expect("and: yes, yes", 1, both(true, true));
    expect("and: yes, no", 2, both(true, false));
    expect("and: no", 2, both(false, true));
    expect("switch, first case", 10, choice(1));
    expect("switch, second case", 20, choice(2));
    expect("switch, default", 30, choice(3));
    return verdict();
}
