// SPDX-License-Identifier: MIT
// A running device goes from one server to the next, in two processes.
#include "device/hand_over.hpp"

#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <atomic>

using namespace ashlar;
using namespace ashlar::device_room;
using test::block_request;
using test::twin_machine;

namespace {

using device_life = device::implementation;

constexpr std::uint64_t limit_ns = 30'000'000'000;
options wanted() {
    return {.queues = 2, .depth = 4, .recovery = recovery::reissue, .delivery = delivery::by_tag};
}

int use(twin_machine& m, uapi::op op, std::byte what) {
    block_request r{
        .op = op, .sector = 8, .sectors = 8, .data = std::vector<std::byte>(4096, what)};
    const int outcome = m.perform(0, r);
    if (op == uapi::op::read) CHECK(r.data == std::vector<std::byte>(4096, what));
    return outcome;
}

}  // namespace

TEST_CASE("a running device is handed over, and its users see a pause") {
    twin_machine m;
    os::machine& old_one = m;
    os::machine& new_one = m.kernel().start_process();
    const test::ram disk(1 << 20);
    auto d = device_life::start(m, target(disk), wanted());
    REQUIRE(d);
    std::atomic<bool> told = false, relieved = false;
    auto owner = old_one.start_thread("owner", {}, [&] {
        while (!told && !(*d)->ended()) old_one.sleep_ns(1'000'000);
        const auto again = (*d)->resume();
        relieved = again && !*again;
    });
    result<std::unique_ptr<device_life>> next;
    auto successor = new_one.start_thread("successor", {}, [&] {
        const auto asked = ask_to_let_go(new_one, 0, [&]() -> result<> {
            told = true;
            return {};
        });
        if (!asked || !await_let_go(new_one, 0, limit_ns, true)) return;
        next = device_life::recover(new_one, 0, target(disk), wanted());
    });
    REQUIRE(owner);
    REQUIRE(successor);
    for (int n = 0; n < 20; ++n) {
        CHECK(use(m, uapi::op::write, std::byte(n)) == 4096);
        CHECK(use(m, uapi::op::read, std::byte(n)) == 4096);
    }
    successor->reset();
    owner->reset();
    CHECK(relieved.load());
    // The kernel does it where it can.
    CHECK(told.load() == !m.has(uapi::f_quiesce));
    REQUIRE(next);
    REQUIRE(*next);
    CHECK((*d)->stop(stop_when::now));
    CHECK(use(m, uapi::op::read, std::byte(19)) == 4096);
    CHECK((*next)->stop(stop_when::now));
}

TEST_CASE("who is not handed a device is told that it is served") {
    twin_machine m;
    auto d = device_life::start(m, target(test::ram(1 << 20)), wanted());
    REQUIRE(d);
    os::machine& machine = m;
    const std::uint64_t before = machine.now_ns();
    const auto waited = await_let_go(m, 0, 1'000'000'000, false);
    REQUIRE(!waited);
    CHECK(waited.error().why.find("a server (pid ") != std::string::npos);
    CHECK(machine.now_ns() - before >= 1'000'000'000);
    CHECK(use(m, uapi::op::write, std::byte{1}) == 4096);
    CHECK((*d)->stop(stop_when::now));
}

TEST_CASE("nobody waits for a device that was stopped") {
    twin_machine m;
    auto d = device_life::start(m, target(test::ram(1 << 20)), wanted());
    REQUIRE(d);
    os::machine& machine = m;
    auto control = control::control::open(m, false);
    REQUIRE(control);
    REQUIRE((*control)->stop(0));
    const std::uint64_t before = machine.now_ns();
    const auto waited = await_let_go(m, 0, limit_ns, true);
    REQUIRE(!waited);
    CHECK(waited.error().why.find("it was stopped") != std::string::npos);
    CHECK(machine.now_ns() - before < 1'000'000'000);
    CHECK((*d)->stop(stop_when::now));
}
