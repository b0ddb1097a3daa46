// SPDX-License-Identifier: MIT
// A GNU statement expression that awaits and may leave the coroutine: the usual TRY macro.

#include "support.hpp"

using namespace sample;

struct outcome {
    counted value;
    bool failed = false;
};

task<outcome> fetch(int value) {
    outcome result{counted{value}, value < 0};
    co_return std::move(result);
}

task<int> work(int value) {
    const counted got = __extension__({
        auto tried = co_await fetch(value);
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
