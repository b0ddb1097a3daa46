// SPDX-License-Identifier: MIT
#include "device/restarts.hpp"

#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using namespace ashlar::device_room;
using test::twin_machine;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

const auto nobody_lives = [](int) { return false; };
const auto all_live = [](int) { return true; };

std::vector<std::uint64_t> pauses_until_it_gives_up(restarts& r) {
    std::vector<std::uint64_t> pauses;
    while (const auto pause = r.next_pause_ns()) pauses.push_back(*pause / 1'000'000);
    return pauses;
}

}  // namespace

TEST_CASE("servers that die one after the other are started ever later, and at last no more") {
    const std::vector<std::uint64_t> in_ms = {0, 200, 400, 800, 1'600, 3'200, 6'400, 10'000};
    restarts r;
    CHECK(pauses_until_it_gives_up(r) == in_ms);
    r.server_ended(second);
    CHECK(!r.next_pause_ns());
    r.begin_anew();
    CHECK(pauses_until_it_gives_up(r) == in_ms);
}

TEST_CASE("a server that served for a while makes up for those before it") {
    restarts r;
    for (int n = 0; n < 100; ++n) {
        CHECK(r.next_pause_ns() == 0U);
        r.server_ended(6 * second);
    }
    for (int n = 0; n < 4; ++n) CHECK(r.next_pause_ns());
    r.server_ended(4 * second);
    CHECK(r.next_pause_ns() == 1'600'000'000U);
}

TEST_CASE("a device waits for a server, is served by another one, or is gone") {
    twin_machine m;
    auto d =
        device::implementation::start(m, target(test::ram(1 << 20)), {.recovery = recovery::wait});
    REQUIRE(d);
    os::machine& machine = m;
    const std::uint32_t id = (*d)->id();
    const int server = machine.process_id();
    const auto fate_is = [&](int ended, const auto& lives) {
        const auto now = fate_of(m, id, ended, lives);
        REQUIRE(now);
        return *now;
    };
    // Also while the kernel has not noticed the end.
    CHECK(fate_is(server, nobody_lives) == fate::waits);
    CHECK(fate_is(server, all_live) == fate::waits);
    CHECK(fate_is(server + 1, all_live) == fate::served_elsewhere);
    // One that died while it took the device over is in the record, too.
    CHECK(fate_is(server + 1, nobody_lives) == fate::waits);
    auto control = control::control::open(m, false);
    REQUIRE(control);
    const auto info = (*control)->info(id);
    REQUIRE(info);
    const auto record = read_record(m, id, info->ublksrv_flags);
    REQUIRE(record);
    remove_record(m, id, info->ublksrv_flags);
    CHECK(fate_is(server, nobody_lives) == fate::gone);
    REQUIRE(write_record(m, *record));
    CHECK(fate_is(server, nobody_lives) == fate::waits);
    REQUIRE((*control)->stop(id));
    CHECK(fate_is(server, nobody_lives) == fate::gone);
    CHECK((*d)->stop(stop_when::now));
    CHECK(fate_is(server, nobody_lives) == fate::gone);
}
