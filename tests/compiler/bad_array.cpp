// SPDX-License-Identifier: MIT
// An array whose elements are awaited in its initialiser.

#include "support.hpp"

using namespace sample;

task<int> work() {
    const counted pair[2] = {co_await soon(counted{1}), co_await later(counted{2})};
    co_return pair[0].value() + pair[1].value();
}

int main() {
    expect("array of what was awaited", 3, work());
    return verdict();
}
