// SPDX-License-Identifier: MIT
// An aggregate whose members are awaited in its initialiser.

#include "support.hpp"

using namespace sample;

struct couple {
    counted first;
    counted second;
};

task<int> work() {
    const couple pair{co_await soon(counted{1}), co_await later(counted{2})};
    co_return pair.first.value() + pair.second.value();
}

int main() {
    expect("aggregate of what was awaited", 3, work());
    return verdict();
}
