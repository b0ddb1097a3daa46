// SPDX-License-Identifier: MIT
// A switch over what is awaited.

#include "support.hpp"

using namespace sample;

task<int> by_return(int which) {
    switch (co_await soon(which)) {
        case 1: co_return 10;
        case 2: co_return 20;
        default: co_return 30;
    }
}

task<int> by_break(int which) {
    int result = 30;
    switch (co_await later(which)) {
        case 1: result = 10; break;
        case 2: result = 20; break;
        default: break;
    }
    co_return result;
}

int main() {
    expect("switch, first case", 10, by_return(1));
    expect("switch, second case", 20, by_return(2));
    expect("switch, default", 30, by_return(3));
    expect("switch, first case, break", 10, by_break(1));
    expect("switch, second case, break", 20, by_break(2));
    expect("switch, default, break", 30, by_break(3));
    return verdict();
}
