// SPDX-License-Identifier: MIT
// A do loop that awaits in its condition and whose body is empty, returns or continues.

#include "support.hpp"

using namespace sample;

task<int> empty_body(int rounds) {
    int asked = 0;
    do {
    } while (co_await soon(++asked < rounds));
    co_return asked;
}

task<int> returning_body(bool again) {
    do co_return 1;
    while (co_await soon(again));
    co_return 2;
}

task<int> continuing_body(int rounds) {
    int done = 0;
    do {
        if (++done < 5) continue;
        co_return -1;
    } while (co_await later(done < rounds));
    co_return done;
}

int main() {
    expect("do, empty body", 3, empty_body(3));
    expect("do, left by co_return", 1, returning_body(true));
    expect("do, continue", 3, continuing_body(3));
    expect("do, continue until the co_return", -1, continuing_body(7));
    return verdict();
}
