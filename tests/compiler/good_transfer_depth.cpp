// SPDX-License-Identifier: MIT
// Symmetric transfer takes no stack, however many awaits are answered at once: one after another,
// and one within the other.

#include "support.hpp"

using namespace sample;

task<int> count(int rounds) {
    int done = 0;
    while (done < rounds) {
        const int step = co_await soon(1);
        done += step;
    }
    co_return done;
}

task<int> descend(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await descend(depth - 1);
    co_return below + 1;
}

int main() {
    expect("a million awaits in a row", 1'000'000, count(1'000'000));
    expect("awaits within one another", 200'000, descend(200'000));
    return verdict();
}
