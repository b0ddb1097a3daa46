// SPDX-License-Identifier: MIT
#include "doctor/bounded.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <unistd.h>

using ashlar::doctor::helper;

namespace {

constexpr std::uint64_t short_ns = 20'000'000;
constexpr std::uint64_t long_ns = 20'000'000'000;

}  // namespace

TEST_CASE("a helper speaks, waits for a word, and ends with what its work gave") {
    helper h([](const helper::channel& parent) {
        parent.say("one");
        parent.say("two");
        parent.await_word();
        parent.say("three");
        return 5;
    });
    CHECK(h.line(long_ns) == "one");
    CHECK(h.line(long_ns) == "two");
    CHECK(!h.line(short_ns));
    CHECK(!h.end(short_ns));
    h.send_word();
    CHECK(h.line(long_ns) == "three");
    CHECK(h.end(long_ns) == 5);
    CHECK(!h.line(short_ns));
}

TEST_CASE("a helper that does not end is not waited for, and is killed with its owner") {
    pid_t pid = 0;
    {
        helper h([](const helper::channel&) {
            for (;;) ::pause();
            return 0;
        });
        pid = h.pid();
        CHECK(!h.line(short_ns));
        CHECK(!h.end(short_ns));
    }
    CHECK(::kill(pid, 0) != 0);
}

TEST_CASE("a helper that a signal ended says which") {
    helper h([](const helper::channel&) { return ::raise(SIGKILL); });
    CHECK(h.end(long_ns) == 128 + SIGKILL);
}
