// SPDX-License-Identifier: MIT
// Two broken forms in templates of a header: for the lint, which has to find them here, where
// nothing instantiates the templates, and for bad_template.cpp, which does.

#pragma once

#include "support.hpp"

namespace sample {

template <class T>
task<T> pick(T first, T second, bool answer) {
    if (co_await soon(answer)) co_return first;
    co_return second;
}

template <class T>
struct couple {
    T first;
    T second;
};

template <class T>
task<int> sum(couple<T> given) {
    co_await event();
    co_return given.first.value() + given.second.value();
}

template <class T>
task<int> sum_of(int first, int second) {
    const int got = co_await sum(couple<T>{T(first), T(second)});
    co_return got;
}

}  // namespace sample
