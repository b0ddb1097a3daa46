// SPDX-License-Identifier: MIT
// Devices of a user who has no privileges, on the twin: all commands name the node, and what such
// devices can't have is refused with the reason.
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace ashlar;
using test::block_request;
using test::twin_machine;
using implementation = device::implementation;

namespace {

bool tells(const error& e, const char* what) { return e.text().find(what) != std::string::npos; }

}  // namespace

TEST_CASE("a device without privileges is made, used and removed by who has none") {
    twin_machine m;
    m.server().drop_admin();
    m.server().let_open_control();
    auto made = implementation::start(m, target(test::ram(1 << 20)), {.unprivileged = true});
    if (!m.has(uapi::f_unprivileged_dev)) {
        REQUIRE(!made);
        CHECK(tells(made.error(), "6.3"));
        return;
    }
    if (!made) MESSAGE(made.error().text());
    REQUIRE(made);
    implementation& d = **made;
    CHECK(d.lane().lane == lane::plain_copy);
    CHECK(tells({.operation = d.lane().lane_why}, "without privileges"));
    block_request write{.op = uapi::op::write, .sectors = 8};
    write.data.assign(4096, std::byte{7});
    m.perform(d.id(), write);
    CHECK(write.outcome == 4096);
    block_request read{.op = uapi::op::read, .sectors = 8};
    read.data.resize(4096);
    m.perform(d.id(), read);
    CHECK(read.data == write.data);
    CHECK(d.stop(stop_when::idle));
    made->reset();
    CHECK(m.leaks().empty());
}

TEST_CASE("who has privileges is told that the kernel makes no device without them") {
    twin_machine m;
    if (!m.has(uapi::f_unprivileged_dev)) return;
    auto made = implementation::start(m, target(test::ram(1 << 20)), {.unprivileged = true});
    REQUIRE(!made);
    CHECK(tells(made.error(), "CAP_SYS_ADMIN"));
    CHECK(m.leaks().empty());
}

TEST_CASE("lanes and recovery that a device without privileges has not are refused") {
    twin_machine m;
    if (!m.has(uapi::f_unprivileged_dev)) return;
    m.server().drop_admin();
    m.server().let_open_control();
    for (const lane wanted : {lane::user_copy, lane::zero_copy, lane::zero_copy_manual}) {
        auto made = implementation::start(m, target(test::ram(1 << 20)),
                                          {.lane = wanted, .unprivileged = true});
        REQUIRE(!made);
        CHECK(tells(made.error(), "copied by the kernel"));
    }
    auto made = implementation::start(m, target(test::ram(1 << 20)),
                                      {.recovery = recovery::wait, .unprivileged = true});
    REQUIRE(!made);
    CHECK(tells(made.error(), "ends with its server"));
    CHECK(m.leaks().empty());
}
