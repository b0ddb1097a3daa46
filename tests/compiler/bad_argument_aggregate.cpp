// SPDX-License-Identifier: MIT
// An aggregate built between braces, with members that are not trivial, as an argument by value.

#include "support.hpp"

using namespace sample;

struct options {
    counted first;
    counted second;
};

task<int> sum(options given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

task<int> work() { co_return co_await sum(options{.first = counted{1}, .second = counted{2}}); }

int main() {
    expect("aggregate argument", 3, work());
    return verdict();
}
