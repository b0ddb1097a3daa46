// SPDX-License-Identifier: MIT
// A device's life on the twin: its steps, its undoing, and what it leaves behind.
#include "device/life.hpp"

#include "device/record.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdlib>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

using device_life = device::implementation;

result<std::unique_ptr<device_life>> start(twin_machine& m, target served, options wanted = {}) {
    return device_life::start(m, std::move(served), std::move(wanted));
}

std::vector<std::byte> pattern(std::size_t bytes, unsigned seed) {
    std::vector<std::byte> data(bytes);
    for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i * 7 + seed);
    return data;
}

struct quiet {
    quiet() {
        set_log_sink([](level, std::string_view) {});
    }
    ~quiet() { set_log_sink({}); }
};

}  // namespace

TEST_CASE("a device serves what was written, on every queue, and leaves nothing behind") {
    twin_machine m;
    {
        auto d = start(m, target(test::ram(1 << 20)), {.queues = 3, .depth = 4});
        REQUIRE(d);
        for (std::uint16_t queue = 0; queue < 3; ++queue) {
            block_request write{.op = uapi::op::write,
                                .sector = queue * 100ULL,
                                .sectors = 8,
                                .data = pattern(4096, queue),
                                .queue = queue};
            CHECK(m.perform(0, write) == 4096);
            block_request read{.sector = queue * 100ULL, .sectors = 8, .queue = queue};
            CHECK(m.perform(0, read) == 4096);
            CHECK(read.data == pattern(4096, queue));
        }
        CHECK(device_room::read_record(m, 0, device_room::all_records(m).at(0).cookie));
        REQUIRE((*d)->stop(stop_when::idle));
    }
    CHECK(m.leaks() == "");
    CHECK(m.text_files() == std::vector<std::string>{});
}

TEST_CASE("the eight steps are told in their order, without the first I/O") {
    twin_machine m;
    std::vector<step::kind> told;
    auto d = start(m, target(test::ram(1 << 20)),
                   {.on_step = [&](const step& s) { told.push_back(s.what); }});
    REQUIRE(d);
    CHECK(told == std::vector{step::kind::add_dev, step::kind::set_params, step::kind::char_node,
                              step::kind::descriptors, step::kind::fetch, step::kind::start_dev,
                              step::kind::block_node});
}

TEST_CASE("whichever call fails, the error is told and nothing is left behind") {
    // With real time it takes half a minute, and goes through nothing else.
    if (test::chosen_twin().threads) return;
    quiet hush;
    unsigned failures = 0;
    for (int code : {EIO, ENOMEM, EINVAL}) {
        for (unsigned n = 1;; ++n) {
            REQUIRE(n < 200);
            CAPTURE(n);
            CAPTURE(code);
            twin_machine m;
            m.fail_call(n, code);
            bool refused = false;
            {
                auto d = start(m, target(test::ram(1 << 20)), {.queues = 2, .depth = 3});
                refused = !d;
                if (!d) CHECK(d.error().code == code);
                if (d && !m.failed_a_call()) {
                    block_request read{.sectors = 1};
                    CHECK(m.perform(0, read) == 512);
                }
            }
            const bool happened = m.failed_a_call();
            // A failed DEL_DEV or STOP_DEV, after all, leaves the device to the kernel; that it was
            // tried is all that can be done.
            if (refused || !happened) CHECK(m.leaks() == "");
            CHECK(m.text_files() == std::vector<std::string>{});
            if (!happened) break;
            failures += 1;
        }
    }
    // Control, nodes, mappings, rings, threads, six tags: a loop that tested nothing would not do.
    CHECK(failures > 3 * 20);
}

TEST_CASE("a device in use is not stopped, and the error says who holds it") {
    // With TRY_STOP_DEV and without it.
    for (const char* version : {"7.3", "6.12"}) {
        CAPTURE(version);
        twin_machine m(version);
        auto d = start(m, target(test::ram(1 << 20)));
        REQUIRE(d);
        m.hold_disk(0, {.pid = 0, .program = {}, .how = "mounted at /mnt"});
        auto stopped = (*d)->stop(stop_when::idle);
        REQUIRE(!stopped);
        CHECK(stopped.error().code == EBUSY);
        CHECK(stopped.error().why == "it is mounted at /mnt");
        block_request read{.sectors = 1};
        CHECK(m.perform(0, read) == 512);
        m.release_disk(0);
        CHECK((*d)->stop(stop_when::idle));
        d->reset();
        CHECK(m.leaks() == "");
    }
}

TEST_CASE("a device that somebody else removes ends by itself") {
    twin_machine m;
    auto d = start(m, target(test::ram(1 << 20)), {.queues = 2});
    REQUIRE(d);
    auto other = m.remove_device_meanwhile(0);
    while (!(*d)->ended()) m.pass_time();
    CHECK((*d)->stop(stop_when::now));
    other.reset();
    d->reset();
    CHECK(m.leaks() == "");
    CHECK(m.text_files() == std::vector<std::string>{});
}

TEST_CASE("the kernel's number of queues counts, not the wished one") {
    quiet hush;
    twin_machine m;
    auto d = start(m, target(test::ram(1 << 20)), {.queues = 16});
    REQUIRE(d);
    CHECK((*d)->counters().size() == m.kernel().version().cpu_ids);
}

TEST_CASE("a kernel before 6.4 gets raw commands, and only such a one") {
    twin_machine m("6.1");
    {
        auto d = start(m, target(test::ram(1 << 20)));
        REQUIRE(d);
        block_request read{.sectors = 1};
        CHECK(m.perform(0, read) == 512);
    }
    CHECK(m.leaks() == "");
}

TEST_CASE("a mode of recovery that the kernel drops is an error, and nothing is left behind") {
    twin_machine m("6.12");
    auto d = start(m, target(test::ram(1 << 20)), {.recovery = recovery::fail});
    REQUIRE(!d);
    CHECK(d.error().code == EOPNOTSUPP);
    CHECK(d.error().why.find("USER_RECOVERY_FAIL_IO") != std::string::npos);
    CHECK(m.leaks() == "");
    CHECK(m.text_files() == std::vector<std::string>{});
    CHECK(start(m, target(test::ram(1 << 20)), {.recovery = recovery::reissue}));
}

TEST_CASE("two devices live beside each other, and a taken id is refused by name") {
    twin_machine m;
    auto first = start(m, target(test::ram(1 << 20)), {.name = "one"});
    REQUIRE(first);
    auto second = start(m, target(test::ram(1 << 20)));
    REQUIRE(second);
    CHECK((*second)->id() == 1);
    auto third = start(m, target(test::ram(1 << 20)), {.id = 1});
    REQUIRE(!third);
    CHECK(third.error().code == EEXIST);
    CHECK(third.error().text().find("device 1") != std::string::npos);
    auto same_name = start(m, target(test::ram(1 << 20)), {.name = "one"});
    REQUIRE(!same_name);
    CHECK(same_name.error().why == "device 0 has this name");
}

TEST_CASE("a run directory that can't be written to is an error that names it") {
    twin_machine m;
    ::setenv("ASHLAR_RUN_DIR", "/nonexistent/ashlar", 1);
    auto d = start(m, target(test::ram(1 << 20)));
    ::unsetenv("ASHLAR_RUN_DIR");
    REQUIRE(!d);
    CHECK(d.error().object == "/nonexistent/ashlar");
    CHECK(d.error().code == ENOENT);
    CHECK(m.leaks() == "");
}
