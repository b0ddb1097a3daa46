// SPDX-License-Identifier: MIT
// Arguments of what is awaited: names, moved names, temporaries with a constructor, defaults.

#include "support.hpp"

using namespace sample;

struct options {
    counted first;
    counted second;
};

task<int> sum(options given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

task<int> sum_of(const options& given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

task<int> sum_of_pair(std::pair<counted, counted> given, counted third = counted{3}) {
    co_await event();
    co_return given.first.value() + given.second.value() + third.value();
}

task<int> named() {
    const options given{.first = counted{1}, .second = counted{2}};
    const int by_value = co_await sum(given);
    const int by_reference = co_await sum_of(given);
    co_return by_value + by_reference;
}

task<int> moved() {
    options given{.first = counted{1}, .second = counted{2}};
    co_return co_await sum(std::move(given));
}

task<int> constructed() {
    int total = co_await sum_of_pair(std::pair<counted, counted>(1, 2));
    total += co_await sum_of_pair(std::make_pair(counted(1), counted(2)), counted(4));
    co_return total;
}

int main() {
    expect("a named aggregate", 6, named());
    expect("a moved aggregate", 3, moved());
    expect("temporaries with a constructor", 13, constructed());
    return verdict();
}
