// SPDX-License-Identifier: MIT
// The house form of TRY: a macro that declares a name, in place of a statement expression.

#include "support.hpp"

using namespace sample;

struct outcome {
    counted value;
    bool failed = false;
};

#define TRY(name, expression)              \
    auto name##_tried = (expression);      \
    if (name##_tried.failed) co_return -1; \
    counted name = std::move(name##_tried.value)

task<outcome> fetch(int value) {
    outcome result{counted{value}, value < 0};
    co_await event();
    co_return std::move(result);
}

outcome check(int value) { return outcome{counted{value}, value > 10}; }

task<int> work(int first, int second) {
    TRY(one, co_await fetch(first));
    TRY(two, co_await fetch(second));
    TRY(sum, check(one.value() + two.value()));
    co_return sum.value();
}

int main() {
    expect("passed", 3, work(1, 2));
    expect("left at the first", -1, work(-1, 2));
    expect("left at the second", -1, work(1, -2));
    expect("left without an await", -1, work(9, 9));
    return verdict();
}
