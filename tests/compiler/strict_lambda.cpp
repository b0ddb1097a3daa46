// SPDX-License-Identifier: MIT
// Lambdas whose captures are trivial, made beside an await: compilers do it right, the lint refuses
// it. It is one capture away from bad_lambda_argument.cpp.

#include "support.hpp"

using namespace sample;

template <class F>
task<int> with(F call) {
    co_await event();
    co_return call();
}

task<int> work(int number) {
    const counted three{3};
    const int first = co_await with([&three] { return three.value(); });
    const int second = co_await with([number] { return number; });
    const int third = co_await [&three]() -> task<int> {
        co_await event();
        co_return three.value();
    }();
    co_return first + second + third;
}

int main() {
    expect("lambdas with trivial captures", 10, work(4));
    return verdict();
}
