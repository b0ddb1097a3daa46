// SPDX-License-Identifier: MIT
// A container built from a list of what is awaited. The container here is the least one that takes
// a std::initializer_list: std::vector behaves the same and costs a second to compile.

#include "support.hpp"

#include <initializer_list>

using namespace sample;

class sums {
public:
    sums(std::initializer_list<int> values) {
        for (int value : values) total_ += value;
    }
    int total() const { return total_; }

private:
    int total_ = 0;
};

task<int> work() {
    const sums both{co_await soon(1), co_await later(2)};
    co_return both.total();
}

int main() {
    expect("list of what was awaited", 3, work());
    return verdict();
}
