// SPDX-License-Identifier: MIT
#include "device/status.hpp"

#include "device/record.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

using namespace ashlar::device_room;

TEST_CASE("who asks a server that does not answer is told so in time, and what to do") {
    char place[] = "/tmp/ashlar-status-test.XXXXXX";
    REQUIRE(::mkdtemp(place) != nullptr);
    ::setenv("ASHLAR_RUN_DIR", place, 1);
    auto none = ask_server(7, status_question, 1);
    REQUIRE(!none);
    CHECK(none.error().code == ENOENT);
    CHECK(none.error().remedy == "see who serves it: ashlar show 7");
    {
        auto silent = status_socket::open(7);
        REQUIRE(silent);
        auto late = ask_server(7, status_question, 1);
        REQUIRE(!late);
        CHECK(late.error().code == ETIMEDOUT);
        CHECK(late.error().remedy == "see what it waits for: ashlar why 7");
    }
    auto dead = ask_server(7, status_question, 1);
    REQUIRE(!dead);
    CHECK(dead.error().code == ECONNREFUSED);
    ::unlink(socket_path(7).c_str());
    ::rmdir(place);
    ::unsetenv("ASHLAR_RUN_DIR");
}
