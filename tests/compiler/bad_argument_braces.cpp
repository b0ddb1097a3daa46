// SPDX-License-Identifier: MIT
// An aggregate argument given by bare braces, whose type only the callee names.

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

task<int> work() {
    const int total = co_await sum({counted{1}, counted{2}});
    co_return total;
}

int main() {
    expect("argument between braces", 3, work());
    return verdict();
}
