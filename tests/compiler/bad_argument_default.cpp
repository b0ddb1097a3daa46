// SPDX-License-Identifier: MIT
// An aggregate as a default argument: nothing at the call shows it.

#include "support.hpp"

using namespace sample;

struct options {
    counted first = 1;
    counted second = 2;
};

task<int> sum(int third, options given = options{}) {
    co_await event();
    co_return given.first.value() + given.second.value() + third;
}

task<int> work() {
    const int got = co_await sum(3);
    co_return got;
}

int main() {
    expect("default argument", 6, work());
    return verdict();
}
