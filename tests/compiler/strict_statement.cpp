// SPDX-License-Identifier: MIT
// A GNU statement expression that leaves a coroutine but does not await: compilers do it right, the
// lint refuses it. The next edit makes it bad_statement_expression.cpp.

#include "support.hpp"

using namespace sample;

struct outcome {
    counted value;
    bool failed = false;
};

outcome check(int value) { return outcome{counted{value}, value < 0}; }

task<int> work(int value) {
    const counted got = __extension__({
        auto tried = check(value);
        if (tried.failed) co_return -1;
        std::move(tried.value);
    });
    co_return got.value();
}

int main() {
    expect("statement expression, passed", 3, work(3));
    expect("statement expression, left", -1, work(-3));
    return verdict();
}
