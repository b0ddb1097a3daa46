// SPDX-License-Identifier: MIT
// Forms that need no house rule: structured bindings, a conditional operator between numbers, a
// range that is awaited, awaited operands, virtual coroutines.

#include "support.hpp"

using namespace sample;

struct numbers {
    int values[3] = {1, 2, 3};
    const int* begin() const { return values; }
    const int* end() const { return values + 3; }
};

struct base {
    virtual ~base() = default;
    virtual task<int> give(counted value) = 0;
};

struct derived final : base {
    task<int> give(counted value) override {
        co_await event();
        co_return value.value() + offset;
    }
    int offset = 10;
};

task<int> bindings() {
    const auto [first, second] = co_await later(std::pair<int, counted>(1, 2));
    co_return first + second.value();
}

task<int> conditional(bool first) {
    const int got = first ? co_await soon(1) : co_await later(2);
    co_return got;
}

task<int> awaited_range() {
    int sum = 0;
    for (const int value : co_await later(numbers())) sum += value;
    co_return sum;
}

task<int> operands() { co_return co_await soon(1) + co_await later(2); }

task<int> by_virtual_call(base& through) {
    const int got = co_await through.give(counted{1});
    co_return got;
}

int main() {
    derived object;
    expect("structured bindings", 3, bindings());
    expect("conditional, first", 1, conditional(true));
    expect("conditional, second", 2, conditional(false));
    expect("awaited range", 6, awaited_range());
    expect("awaited operands", 3, operands());
    expect("virtual coroutine", 11, by_virtual_call(object));
    return verdict();
}
