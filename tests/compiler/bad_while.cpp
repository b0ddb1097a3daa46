// SPDX-License-Identifier: MIT
// A while loop that awaits in its condition.

#include "support.hpp"

using namespace sample;

task<int> leave_by_break(bool answer) {
    while (co_await soon(answer)) break;
    co_return 1;
}

task<int> leave_by_return(bool answer) {
    while (co_await later(answer)) {
        co_return 1;
    }
    co_return 2;
}

task<int> count(int rounds) {
    int done = 0;
    while (co_await soon(done < rounds)) ++done;
    co_return done;
}

int main() {
    expect("while, left by break", 1, leave_by_break(true));
    expect("while, not entered", 1, leave_by_break(false));
    expect("while, left by co_return", 1, leave_by_return(true));
    expect("while, not entered after an event", 2, leave_by_return(false));
    expect("while, three rounds", 3, count(3));
    return verdict();
}
