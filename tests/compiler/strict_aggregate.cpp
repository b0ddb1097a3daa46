// SPDX-License-Identifier: MIT
// A trivial aggregate between braces, as an argument: compilers do it right, the lint refuses it.
// It is one std::string away from bad_argument_aggregate.cpp, and that is hard to see at the call.

#include "support.hpp"

using namespace sample;

struct range {
    int first;
    int last;
};

task<int> size(range of) {
    co_await event();
    co_return of.last - of.first;
}

task<int> work() {
    const int got = co_await size(range{.first = 1, .last = 4});
    const int more = co_await size({4, 6});
    co_return got + more;
}

int main() {
    expect("trivial aggregates", 5, work());
    return verdict();
}
