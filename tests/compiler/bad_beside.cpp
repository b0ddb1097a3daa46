// SPDX-License-Identifier: MIT
// An aggregate or a lambda that is no part of what is awaited, but of the same expression.

#include "support.hpp"

using namespace sample;

struct couple {
    counted first;
    counted second;
};

int sum(const couple& given) { return given.first.value() + given.second.value(); }

template <class F>
int result_of(F call) {
    return call();
}

task<int> an_aggregate() {
    const int got = sum(couple{counted(1), counted(2)}) + co_await later(3);
    co_return got;
}

task<int> a_lambda() {
    const counted three(3);
    const int got = result_of([held = three] { return held.value(); }) + co_await later(3);
    co_return got;
}

int main() {
    expect("aggregate beside an await", 6, an_aggregate());
    expect("lambda beside an await", 6, a_lambda());
    return verdict();
}
