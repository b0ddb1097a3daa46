// SPDX-License-Identifier: MIT
// Arrays, aggregates and containers of what is awaited: each await has a name first.

#include "support.hpp"

#include <initializer_list>

using namespace sample;

struct couple {
    counted first;
    counted second;
};

class sums {
public:
    sums(std::initializer_list<int> values) {
        for (int value : values) total_ += value;
    }
    int total() const { return total_; }

private:
    int total_ = 0;
};

task<int> an_array() {
    const counted first = co_await soon(counted{1});
    const counted second = co_await later(counted{2});
    const counted both[2] = {first, second};
    co_return both[0].value() + both[1].value();
}

task<int> an_aggregate() {
    counted first = co_await soon(counted{1});
    counted second = co_await later(counted{2});
    const couple both{std::move(first), std::move(second)};
    co_return both.first.value() + both.second.value();
}

task<int> a_container() {
    const int first = co_await soon(1);
    const int second = co_await later(2);
    const sums both{first, second};
    co_return both.total();
}

int main() {
    expect("array", 3, an_array());
    expect("aggregate", 3, an_aggregate());
    expect("container", 3, a_container());
    return verdict();
}
