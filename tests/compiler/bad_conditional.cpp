// SPDX-License-Identifier: MIT
// A conditional operator that yields an object which is not trivial, in one expression with an
// await: in an argument of what is awaited, with the await in a branch, or in the condition.

#include "support.hpp"

using namespace sample;

task<int> value_of(counted given) {
    co_await event();
    co_return given.value();
}

task<int> in_an_argument(bool first) {
    const int got = co_await value_of(first ? counted(1) : counted(2));
    co_return got;
}

task<int> in_a_branch(bool first) {
    const counted got = first ? co_await later(counted(1)) : co_await soon(counted(2));
    co_return got.value();
}

task<int> in_the_condition(bool first) {
    const counted got = (co_await later(first)) ? counted(1) : counted(2);
    co_return got.value();
}

int main() {
    expect("argument, first", 1, in_an_argument(true));
    expect("argument, second", 2, in_an_argument(false));
    expect("branch, first", 1, in_a_branch(true));
    expect("branch, second", 2, in_a_branch(false));
    expect("condition, first", 1, in_the_condition(true));
    expect("condition, second", 2, in_the_condition(false));
    return verdict();
}
