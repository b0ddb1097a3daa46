// SPDX-License-Identifier: MIT
// A RAM disk that the kernel copies from and to: what it may do meanwhile, and how it goes on.
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"
#include "targets/mem/mem.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

constexpr std::uint64_t small = 2 << 20;
constexpr std::uint64_t large = 9 << 20;
constexpr std::uint64_t chunk = 64 << 10;
constexpr unsigned parts = 8;

std::shared_ptr<targets::mem_disk> mem_of(std::uint64_t bytes) {
    auto disk = targets::mem_disk::make(bytes, targets::huge_pages::no,
                                        std::make_unique<targets::memory_budget>());
    REQUIRE(disk);
    return *disk;
}

block_request make(uapi::op op, std::uint64_t at, std::uint64_t bytes, unsigned what = 0) {
    block_request r{
        .op = op, .sector = at / 512, .sectors = static_cast<std::uint32_t>(bytes / 512)};
    if (op == uapi::op::write) r.data.assign(bytes, std::byte(what));
    return r;
}

bool all_are(const block_request& r, unsigned what) {
    return std::ranges::all_of(r.data, [what](std::byte b) { return b == std::byte(what); });
}

// Each part of a chunk is written, read, discarded and read, over and over: requests of all kinds
// take turns on every tag.
void load(twin_machine& m, unsigned rounds) {
    const auto perform = [&](uapi::op op, unsigned what) {
        std::vector<block_request> some;
        for (unsigned i = 0; i < parts; ++i) {
            some.push_back(make(op, i * chunk, op == uapi::op::read ? chunk : chunk / 2, what));
        }
        // The other halves keep what they have.
        if (op != uapi::op::read) some.push_back(make(uapi::op::read, chunk / 2, chunk / 2));
        m.perform(0, some);
        for (const block_request& r : some) {
            REQUIRE(r.outcome >= 0);
            if (r.op != uapi::op::read) continue;
            for (std::size_t at = 0; at < r.data.size(); at += 512) {
                const bool upper = (r.sector * 512 + at) % chunk >= chunk / 2;
                REQUIRE(r.data[at] == std::byte(upper ? 0xff : what));
            }
        }
    };
    for (unsigned round = 1; round <= rounds; ++round) {
        perform(uapi::op::write, round % 200 + 1);
        perform(uapi::op::read, round % 200 + 1);
        perform(uapi::op::discard, 0);
        perform(uapi::op::read, 0);
    }
}

std::unique_ptr<device::implementation> serve(twin_machine& m, target t,
                                              recovery mode = recovery::none) {
    auto d = device::implementation::start(
        m, std::move(t),
        {.depth = 4, .max_io = 64 * 1024, .recovery = mode, .lane = lane::in_place});
    REQUIRE(d);
    CHECK((*d)->lane().lane == lane::in_place);
    return std::move(*d);
}

void fill_upper_halves(twin_machine& m) {
    for (unsigned i = 0; i < parts; ++i) {
        auto r = make(uapi::op::write, i * chunk + chunk / 2, chunk / 2, 0xff);
        REQUIRE(m.perform(0, r) >= 0);
    }
}

}  // namespace

TEST_CASE("the kernel copies from and to a RAM disk that is discarded from and resized meanwhile") {
    twin_machine m;
    auto d = serve(m, target(mem_of(small)));
    fill_upper_halves(m);
    auto other = m.server().start_thread("load", {}, [&] { load(m, 12); });
    REQUIRE(other);
    // Its memory moves as it grows.
    const bool resizes = m.has(uapi::f_update_size);
    for (unsigned times = 0; resizes && times < 4; ++times) {
        CHECK(d->resize(large));
        CHECK(d->resize(small));
    }
    other->reset();
    const queue_counters c = d->counters()[0];
    CHECK(c.failed == 0);
    // Overwritten in place, all of it: each chunk has its memory from the start.
    CHECK(c.bytes_copied < (c.bytes_read + c.bytes_written) * 11 / 10);
    d.reset();
    CHECK(m.leaks() == "");
}

TEST_CASE("a write behind a new end has failed when its data has come, and its tag is good again") {
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    set_log_sink([](level, std::string_view) {});
    auto d = serve(m, target(mem_of(large)));
    REQUIRE(d->resize(small));
    for (unsigned times = 0; times < 10; ++times) {
        auto behind = make(uapi::op::write, small, 4096, 1);
        CHECK(m.perform(0, behind) == -EIO);
        auto within = make(uapi::op::write, small - 4096, 4096, 1);
        CHECK(m.perform(0, within) == 4096);
    }
    CHECK(d->resize(large));
    d.reset();
    CHECK(m.leaks() == "");
    set_log_sink({});
}

TEST_CASE("what has no memory yet is taken through a buffer, and what is all zeros from one page") {
    twin_machine m;
    auto d = serve(m, target(mem_of(small)));
    const auto copied_by = [&](block_request r) {
        const std::uint64_t before = d->counters()[0].bytes_copied;
        CHECK(m.perform(0, r) == static_cast<int>(r.sectors * 512));
        if (r.op == uapi::op::read) CHECK(all_are(r, r.sector < 8 ? 3 : 0));
        return d->counters()[0].bytes_copied - before;
    };
    CHECK(copied_by(make(uapi::op::read, small / 2, 8192)) == 8192);
    CHECK(copied_by(make(uapi::op::write, 0, 4096, 3)) == 2 * 4096);
    CHECK(copied_by(make(uapi::op::write, 0, 4096, 3)) == 4096);
    CHECK(copied_by(make(uapi::op::read, 0, 4096)) == 4096);
    // The end of a chunk and the beginning of one without memory.
    CHECK(copied_by(make(uapi::op::read, chunk - 4096, 8192)) == 2 * 8192);
}

TEST_CASE("a device that asks for places does so when it is served again") {
    twin_machine m;
    if (!m.has(uapi::f_quiesce)) return;
    set_log_sink([](level, std::string_view) {});
    auto d = serve(m, target(mem_of(small)), recovery::wait);
    fill_upper_halves(m);
    auto control = control::control::open(m, false);
    REQUIRE(control);
    REQUIRE((*control)->quiesce(d->id(), 1000));
    while (!d->ended()) m.pass_time();
    auto again = d->resume();
    REQUIRE(again);
    CHECK(*again);
    CHECK(d->lane().lane == lane::in_place);
    load(m, 3);
    CHECK(d->counters()[0].failed == 0);
    d.reset();
    control->reset();
    CHECK(m.leaks() == "");
    set_log_sink({});
}
