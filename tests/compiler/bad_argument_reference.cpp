// SPDX-License-Identifier: MIT
// An aggregate built between braces that is bound to a parameter of reference type.

#include "support.hpp"

using namespace sample;

struct options {
    counted first;
    counted second;
};

task<int> sum(const options& given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

task<int> work() {
    const int total = co_await sum(options{.first = counted{1}, .second = counted{2}});
    co_return total;
}

int main() {
    expect("aggregate by reference", 3, work());
    return verdict();
}
