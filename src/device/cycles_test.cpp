// SPDX-License-Identifier: MIT
// Devices made, used and removed by the thousand on the twin: nothing of them stays.
#include "device/life.hpp"
#include "support/allocations.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

void live_once(twin_machine& m) {
    auto d =
        device::implementation::start(m, target(test::ram(64 << 10)), {.queues = 2, .depth = 4});
    REQUIRE(d);
    REQUIRE((*d)->id() == 0);
    block_request read{.sectors = 8};
    REQUIRE(m.perform(0, read) == 4096);
    REQUIRE((*d)->stop(stop_when::idle));
}

}  // namespace

TEST_CASE("ten thousand devices, one after the other, leave nothing behind") {
    // What is leaked of memory the address sanitizer finds, with fewer: it is slow.
    const unsigned cycles = test::counts_allocations() ? 10'000 : 1'000;
    twin_machine m;
    for (unsigned n = 0; n < cycles; ++n) live_once(m);
    CHECK(m.leaks() == "");
    CHECK(m.text_files() == std::vector<std::string>{});
}
