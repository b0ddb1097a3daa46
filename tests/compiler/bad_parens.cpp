// SPDX-License-Identifier: MIT
// An aggregate built between parentheses: no better than between braces, as an argument of what is
// awaited or with awaits for its members.

#include "support.hpp"

using namespace sample;

struct couple {
    counted first;
    counted second;
};

task<int> sum(couple given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

task<int> as_argument() {
    const int got = co_await sum(couple(counted(1), counted(2)));
    co_return got;
}

task<int> of_awaits() {
    const couple both(co_await soon(counted(1)), co_await later(counted(2)));
    co_return both.first.value() + both.second.value();
}

int main() {
    expect("argument between parentheses", 3, as_argument());
    expect("aggregate of what was awaited", 3, of_awaits());
    return verdict();
}
