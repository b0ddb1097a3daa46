// SPDX-License-Identifier: MIT
// Devices that share threads, on the twin: each works as with threads of its own, and what becomes
// of one of them does not touch the others.
#include "device/threads.hpp"

#include "control/control.hpp"
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <cerrno>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

using device_life = device::implementation;
using devices = std::vector<std::unique_ptr<device_life>>;

struct quiet {
    quiet() {
        set_log_sink([](level, std::string_view) {});
    }
    ~quiet() { set_log_sink({}); }
};

threads start_threads(twin_machine& m, unsigned count) {
    auto started = threads::implementation::start(m, count);
    REQUIRE(started);
    return threads(*started);
}

std::unique_ptr<device_life> start(twin_machine& m, target t, options o) {
    auto started = device_life::start(m, std::move(t), std::move(o));
    REQUIRE(started);
    return std::move(*started);
}

bool writes_and_reads(twin_machine& m, std::uint32_t id, unsigned what, std::uint16_t queue = 0) {
    const std::vector<std::byte> data(4096, std::byte(what));
    block_request write{
        .op = uapi::op::write, .sector = 8, .sectors = 8, .data = data, .queue = queue};
    block_request read{.sector = 8, .sectors = 8, .queue = queue};
    return m.perform(id, write) == 4096 && m.perform(id, read) == 4096 && read.data == data;
}

// Hands the data on to a descriptor.
struct passing_disk {
    static constexpr bool passes_data = true;
    int fd;

    std::uint64_t size() const { return 1 << 20; }
    task<std::error_code> read(request& r) {
        const std::error_code failed = co_await r.read_from(fd, r.offset());
        co_return failed;
    }
    task<std::error_code> write(request& r) {
        const std::error_code failed = co_await r.write_to(fd, r.offset());
        co_return failed;
    }
};

struct way {
    lane data;
    delivery requests;
    std::uint64_t needs;
};
constexpr way ways[] = {
    {lane::plain_copy, delivery::by_tag, 0},
    {lane::user_copy, delivery::by_tag, uapi::f_user_copy},
    {lane::zero_copy, delivery::by_tag, uapi::f_auto_buf_reg},
    {lane::plain_copy, delivery::in_batches, uapi::f_batch_io},
    {lane::zero_copy, delivery::in_batches, uapi::f_batch_io},
};

}  // namespace

TEST_CASE("devices share threads: each has its own data, by every lane, in any order of ends") {
    for (const way& w : ways) {
        twin_machine m;
        if (w.needs != 0 && !m.has(w.needs)) continue;
        CAPTURE(name(w.data));
        CAPTURE(name(w.requests));
        const int file = m.make_file(std::vector<std::byte>(1 << 20));
        {
            devices all;
            {
                const threads two = start_threads(m, 2);
                for (unsigned n = 0; n < 7; ++n) {
                    const bool passes = w.data == lane::zero_copy;
                    target t = passes ? target(passing_disk{file}) : target(test::ram(1 << 20));
                    all.push_back(start(m, std::move(t),
                                        {.queues = 1 + n % 2,
                                         .depth = 4 + n,
                                         .lane = w.data,
                                         .delivery = w.requests,
                                         .threads = two}));
                }
            }
            const auto all_work = [&] {
                for (const auto& d : all) {
                    if (d && !writes_and_reads(m, d->id(), d->id() + 1)) return false;
                }
                return true;
            };
            CHECK(all_work());
            if (w.data != lane::zero_copy) {
                // Only now: each still has what it was given.
                for (const auto& d : all) {
                    block_request read{.sector = 8, .sectors = 8};
                    CHECK(m.perform(d->id(), read) == 4096);
                    CHECK(read.data == std::vector<std::byte>(4096, std::byte(d->id() + 1)));
                }
            }
            for (const unsigned n : {3U, 0U, 6U}) {
                REQUIRE(all[n]->stop(stop_when::idle));
                all[n].reset();
                CHECK(all_work());
            }
            // Its place is another's now.
            all[0] = start(m, target(test::ram(1 << 20)), {.threads = all[1]->wanted().threads});
            CHECK(all_work());
        }
        CHECK(m.leaks() == "");
        CHECK(m.text_files() == std::vector<std::string>{});
    }
}

TEST_CASE("one enter serves what has come for many devices") {
    twin_machine m(test::chosen_twin().version, true);
    if (test::chosen_twin().threads) return;
    const threads one = start_threads(m, 1);
    devices all;
    for (unsigned n = 0; n < 4; ++n)
        all.push_back(start(m, target(test::ram(1 << 20)), {.depth = 8, .threads = one}));
    std::uint64_t before = 0;
    for (const auto& d : all) before += d->counters()[0].requests;
    CHECK(before == 0);
    for (int round = 0; round < 20; ++round) {
        for (const auto& d : all) CHECK(writes_and_reads(m, d->id(), 1));
    }
    for (const auto& d : all) {
        const queue_counters c = d->counters()[0];
        CHECK(c.requests == 40);
        CHECK(c.enters <= 50);
    }
}

TEST_CASE("a device that cannot start, or is removed by others, leaves the others alone") {
    const quiet hush;
    // With real time it takes half a minute, and goes through nothing else.
    if (test::chosen_twin().threads) return;
    unsigned failures = 0;
    for (unsigned n = 1;; ++n) {
        REQUIRE(n < 200);
        CAPTURE(n);
        twin_machine m;
        bool happened = false;
        {
            const threads one = start_threads(m, 1);
            auto first = start(m, target(test::ram(1 << 20)), {.depth = 3, .threads = one});
            m.fail_call(n, EIO);
            auto second = device_life::start(m, target(test::ram(1 << 20)),
                                             {.queues = 2, .depth = 3, .threads = one});
            happened = m.failed_a_call();
            m.fail_call(0, 0);
            if (!happened) {
                auto other = m.remove_device_meanwhile(1);
                while (!(*second)->ended()) m.pass_time();
                CHECK((*second)->stop(stop_when::now));
                other.reset();
            }
            CHECK(writes_and_reads(m, 0, 7));
        }
        CHECK(m.leaks() == "");
        if (!happened) break;
        failures += 1;
    }
    CHECK(failures > 15);
}

TEST_CASE("a device among others is resized, quiesced, served again and handed over") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_quiesce)) return;
    {
        const threads one = start_threads(m, 1);
        auto first = start(m, target(test::ram(1 << 20)), {.threads = one});
        const test::ram memory(1 << 20);
        auto second =
            start(m, target(memory), {.depth = 8, .recovery = recovery::reissue, .threads = one});
        CHECK(writes_and_reads(m, 1, 3));
        auto control = control::control::open(m, false);
        REQUIRE(control);
        REQUIRE((*control)->quiesce(1, 1000));
        while (!second->ended()) m.pass_time();
        CHECK(writes_and_reads(m, 0, 4));
        const auto again = second->resume();
        REQUIRE(again);
        CHECK(*again);
        CHECK(writes_and_reads(m, 1, 5));
        // Nobody has quiesced it, and nobody takes it over.
        const auto back = second->resume();
        REQUIRE(back);
        CHECK(*back);
        CHECK(writes_and_reads(m, 1, 6));
        CHECK(writes_and_reads(m, 0, 7));
        first.reset();
        CHECK(writes_and_reads(m, 1, 8));
        second.reset();
    }
    CHECK(m.leaks() == "");
}

TEST_CASE("the tags of a queue are divided among threads, and its counters are one") {
    const quiet hush;
    for (const lane data : {lane::plain_copy, lane::user_copy, lane::zero_copy}) {
        CAPTURE(name(data));
        twin_machine m;
        const int file = m.make_file(std::vector<std::byte>(1 << 20));
        const bool passes = data == lane::zero_copy;
        target t = passes ? target(passing_disk{file}) : target(test::ram(1 << 20));
        const options wanted{.queues = 2, .threads_per_queue = 3, .depth = 8, .lane = data};
        auto d = device_life::start(m, std::move(t), wanted);
        if (!m.has(uapi::f_per_io_daemon)) {
            REQUIRE(!d);
            CHECK(d.error().code == EOPNOTSUPP);
            CHECK(d.error().why.find("rule IO-6") != std::string::npos);
            CHECK(m.leaks() == "");
            continue;
        }
        REQUIRE(d);
        std::vector<block_request> many(8);
        for (int round = 0; round < 10; ++round) {
            for (unsigned n = 0; n < many.size(); ++n) {
                many[n] = {.op = uapi::op::write,
                           .sector = n * 8ULL,
                           .sectors = 8,
                           .data = std::vector<std::byte>(4096, std::byte(n + 1)),
                           .queue = 1};
            }
            m.perform(0, many);
            for (block_request& r : many) {
                CHECK(r.outcome == 4096);
                r.op = uapi::op::read;
                r.data.assign(4096, std::byte(0));
            }
            m.perform(0, many);
            for (unsigned n = 0; n < many.size(); ++n) {
                CHECK(many[n].outcome == 4096);
                CHECK(many[n].data == std::vector<std::byte>(4096, std::byte(n + 1)));
            }
        }
        CHECK(writes_and_reads(m, 0, 9, 0));
        const auto counters = (*d)->counters();
        REQUIRE(counters.size() == 2);
        CHECK(counters[1].requests == 160);
        CHECK(counters[1].latency.count() == 160);
        CHECK(counters[0].requests == 2);
        REQUIRE((*d)->stop(stop_when::idle));
        d->reset();
        CHECK(m.leaks() == "");
    }
}

TEST_CASE("a device with several threads a queue is served again, by fewer or more") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_per_io_daemon)) return;
    const test::ram memory(1 << 20);
    auto d = start(m, target(memory),
                   {.threads_per_queue = 2, .depth = 5, .recovery = recovery::reissue});
    CHECK(writes_and_reads(m, 0, 3));
    auto control = control::control::open(m, false);
    REQUIRE(control);
    REQUIRE((*control)->quiesce(0, 1000));
    while (!d->ended()) m.pass_time();
    const auto again = d->resume();
    REQUIRE(again);
    CHECK(*again);
    CHECK(writes_and_reads(m, 0, 4));
    for (const unsigned threads : {0U, 6U, 65U}) {
        auto refused =
            device_life::start(m, target(memory), {.threads_per_queue = threads, .depth = 5});
        REQUIRE(!refused);
        CHECK(refused.error().usage);
    }
}
