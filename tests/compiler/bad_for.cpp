// SPDX-License-Identifier: MIT
// A for loop that awaits in its condition and whose body is a bare co_return or break.

#include "support.hpp"

using namespace sample;

task<int> leave_by_return(bool answer) {
    for (; co_await soon(answer);) co_return 1;
    co_return 2;
}

task<int> leave_by_break(bool answer) {
    for (; co_await later(answer);) {
        break;
    }
    co_return 1;
}

int main() {
    expect("for, left by co_return", 1, leave_by_return(true));
    expect("for, not entered", 2, leave_by_return(false));
    expect("for, left by break", 1, leave_by_break(true));
    expect("for, not entered after an event", 1, leave_by_break(false));
    return verdict();
}
