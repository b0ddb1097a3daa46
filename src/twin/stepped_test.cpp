// SPDX-License-Identifier: MIT
// The scheduler of simulations: order by seed, time that jumps, tasks that are dropped.
#include "twin/stepped.hpp"

#include "twin/process.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace ashlar;
using namespace ashlar::twin;

namespace {

// What some tasks and events of one executor do in turn, as a text.
std::string order_of(std::uint64_t seed) {
    twin::random choices(seed, "choices");
    stepped_executor e(choices, true);
    std::string order;
    for (char c = 'a'; c < 'g'; ++c) {
        e.start_worker("writer", [&, c] {
            order += c;
            e.pause();
            order += static_cast<char>(c - 'a' + 'A');
        });
    }
    while (e.step()) {}
    return order;
}

}  // namespace

TEST_CASE("a seed gives an order, and another seed another one") {
    CHECK(order_of(1) == order_of(1));
    CHECK(order_of(1).size() == 12);
    int different = 0;
    for (std::uint64_t seed = 2; seed < 12; ++seed) different += order_of(seed) != order_of(1);
    CHECK(different > 8);
}

TEST_CASE("without choices things happen in the order of their arrival") {
    twin::random choices(1, "choices");
    stepped_executor e(choices, false);
    std::string order;
    for (char c = 'a'; c < 'e'; ++c) e.start_worker("writer", [&, c] { order += c; });
    while (e.step()) {}
    CHECK(order == "abcd");
}

TEST_CASE("a wait ends by a wake or by its time, and time jumps when nothing else is to do") {
    twin::random choices(1, "choices");
    stepped_executor e(choices, true);
    wait_queue q;
    bool told = false;
    std::tuple three{&told, &q, &e};
    const std::uint64_t begin = e.now();
    e.at(begin + 5'000'000'000, {[](void* p, std::uint64_t) {
                                     auto& [flag, queue, exec] = *static_cast<decltype(three)*>(p);
                                     *flag = true;
                                     exec->wake(*queue);
                                 },
                                 &three, 0});
    CHECK_FALSE(e.wait_until(q, begin + 1'000'000'000, [&] { return told; }));
    CHECK(e.now() >= begin + 1'000'000'000);
    CHECK(e.now() < begin + 1'100'000'000);
    CHECK(e.wait_until(q, os::no_timeout, [&] { return told; }));
    CHECK(e.now() >= begin + 5'000'000'000);
}

TEST_CASE("what can never go on is told, with who waits for what") {
    twin::random choices(1, "choices");
    stepped_executor e(choices, true);
    wait_queue q{.what = "a miracle"};
    e.start_worker("hopeful", [&] { e.wait(q, os::no_timeout); });
    wait_queue mine{.what = "the other one"};
    try {
        e.wait(mine, os::no_timeout);
        FAIL("it came back");
    } catch (const standstill& s) {
        const std::string text = s.what();
        CHECK(text.find("hopeful: waits for a miracle") != std::string::npos);
        CHECK(text.find("the caller: waits for the other one") != std::string::npos);
    }
}

TEST_CASE("exceptions of tasks stay their own across switches") {
    twin::random choices(3, "choices");
    stepped_executor e(choices, true);
    int caught = 0;
    for (int i = 0; i < 20; ++i) {
        e.start_worker("thrower", [&, i] {
            try {
                throw std::runtime_error(std::to_string(i));
            } catch (const std::exception& thrown) {
                e.pause();  // others throw and catch meanwhile
                try {
                    throw 1;
                } catch (int) {
                    e.pause();
                }
                caught += thrown.what() == std::to_string(i);
            }
        });
    }
    while (e.step()) {}
    CHECK(caught == 20);
}
