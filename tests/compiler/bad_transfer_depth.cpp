// SPDX-License-Identifier: MIT
// Symmetric transfer without -foptimize-sibling-calls: g++ lets each await that is answered at once
// take some stack. The same program with the flag is good_transfer_depth.cpp.
//
// flags: -fno-optimize-sibling-calls
// lint: blind, the form is right and the flag is wrong

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

int main() {
    expect("a million awaits in a row", 1'000'000, count(1'000'000));
    return verdict();
}
