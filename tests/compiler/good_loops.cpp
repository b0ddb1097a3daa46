// SPDX-License-Identifier: MIT
// The house form of a loop: await into a name within the body.

#include "support.hpp"

using namespace sample;

task<int> as_while(int rounds) {
    int done = 0;
    while (true) {
        const bool more = co_await soon(done < rounds);
        if (!more) break;
        ++done;
    }
    co_return done;
}

task<int> as_do(int rounds) {
    int done = 0;
    bool more = true;
    do {
        ++done;
        more = co_await later(done < rounds);
    } while (more);
    co_return done;
}

task<int> as_for(int rounds) {
    int sum = 0;
    for (int at = 0; at < rounds; ++at) {
        const int got = co_await later(at);
        if (got == 1) continue;
        sum += got;
    }
    co_return sum;
}

task<int> over_a_range() {
    const int values[] = {1, 2, 3};
    int sum = 0;
    for (int value : values) {
        const counted got = co_await later(counted{value});
        sum += got.value();
    }
    co_return sum;
}

int main() {
    expect("while, not entered", 0, as_while(0));
    expect("while, three rounds", 3, as_while(3));
    expect("do, once", 1, as_do(0));
    expect("do, three rounds", 3, as_do(3));
    expect("for, four rounds", 5, as_for(4));
    expect("range", 6, over_a_range());
    return verdict();
}
