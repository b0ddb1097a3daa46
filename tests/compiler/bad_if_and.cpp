// SPDX-License-Identifier: MIT
// An if statement whose condition joins what is awaited to something else by && or ||.

#include "support.hpp"

using namespace sample;

task<int> both(bool first, bool answer) {
    if (first && co_await soon(answer)) co_return 1;
    co_return 2;
}

task<int> either(bool first, bool answer) {
    if (first || co_await later(answer)) co_return 1;
    co_return 2;
}

int main() {
    expect("and: yes, yes", 1, both(true, true));
    expect("and: yes, no", 2, both(true, false));
    expect("and: no", 2, both(false, true));
    expect("or: yes", 1, either(true, false));
    expect("or: no, yes", 1, either(false, true));
    expect("or: no, no", 2, either(false, false));
    return verdict();
}
