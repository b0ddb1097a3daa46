// SPDX-License-Identifier: MIT
// The block layer of the twin: what requests it makes of what users want.
#include "twin/block.hpp"

#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <set>

using namespace ashlar;
using namespace ashlar::testing;
using twin::bio;
using twin::kernel;

namespace {

// The requests that a server saw, as "op sector+sectors flags".
struct request {
    uapi::op op;
    std::uint64_t sector;
    std::uint32_t sectors, flags;
    auto operator<=>(const request&) const = default;
};

std::vector<request> take(raw_server& s) {
    std::vector<request> all;
    for (const uapi::io_desc& d : s.seen) {
        all.push_back(
            {uapi::op_of(d.op_flags), d.start_sector, d.nr_sectors, uapi::flags_of(d.op_flags)});
    }
    s.seen.clear();
    return all;
}

constexpr std::uint64_t nowhere = ~std::uint64_t{0};

}  // namespace

TEST_CASE("reads and writes are cut by the largest request and by chunks") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.max_sectors = 16, .chunk_sectors = 32});
    s.begin();
    user_io read(k, s.id, uapi::op::read, 24, 32);
    CHECK(read.run(s) == 0);
    auto seen = take(s);
    std::ranges::sort(seen);
    CHECK(seen == std::vector<request>{{uapi::op::read, 24, 8, 0},
                                       {uapi::op::read, 32, 16, 0},
                                       {uapi::op::read, 48, 8, 0}});
}

TEST_CASE("discards and zeroes are cut by their own limits; without support they are another") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.max_discard_sectors = 64});
    s.begin();
    user_io discard(k, s.id, uapi::op::discard, 0, 100);
    CHECK(discard.run(s) == 0);
    CHECK(take(s) ==
          std::vector<request>{{uapi::op::discard, 0, 64, 0}, {uapi::op::discard, 64, 36, 0}});
    std::ranges::fill(s.ram, std::byte{7});
    user_io zeroes(k, s.id, uapi::op::write_zeroes, 8, 24);
    CHECK(zeroes.run(s) == 0);
    CHECK(take(s) ==
          std::vector<request>{{uapi::op::write, 8, 16, 0}, {uapi::op::write, 24, 8, 0}});
    CHECK(std::ranges::count(s.ram, std::byte{0}) == 24 * 512);

    raw_server with(k, {.max_write_zeroes_sectors = 64});
    with.begin();
    user_io some(k, with.id, uapi::op::write_zeroes, 8, 24, bio::no_unmap);
    CHECK(some.run(with) == 0);
    CHECK(take(with) == std::vector<request>{{uapi::op::write_zeroes, 8, 24, uapi::io_f_nounmap}});
    user_io none(k, with.id, uapi::op::discard, 0, 8);
    CHECK(none.run(with) == -EOPNOTSUPP);
}

TEST_CASE("flushes: of no cache nothing, of a cache what its attributes allow") {
    for (const std::uint32_t attributes :
         {0u, uapi::attr_volatile_cache, uapi::attr_volatile_cache | uapi::attr_fua,
          uapi::attr_fua}) {
        CAPTURE(attributes);
        kernel k(quiet("7.3"));
        raw_server s(k, {.attributes = attributes});
        s.begin();
        user_io flush(k, s.id, uapi::op::flush, 0, 0);
        CHECK(flush.run(s) == 0);
        user_io write(k, s.id, uapi::op::write, 8, 8, bio::fua | bio::preflush);
        CHECK(write.run(s) == 0);
        const bool cache = (attributes & uapi::attr_volatile_cache) != 0;
        const bool fua = cache && (attributes & uapi::attr_fua) != 0;
        const request flushed{uapi::op::flush, nowhere, 0, 0};
        std::vector<request> wanted;
        if (cache) wanted = {flushed, flushed};
        wanted.push_back({uapi::op::write, 8, 8, fua ? uapi::io_f_fua : 0});
        if (cache && !fua) wanted.push_back(flushed);
        CHECK(take(s) == wanted);
    }
}

TEST_CASE("a failed flush fails those who wanted it, and nobody else") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.attributes = uapi::attr_volatile_cache});
    s.begin();
    s.handler = [](const uapi::io_desc& d, auto, auto) {
        return uapi::op_of(d.op_flags) == uapi::op::flush ? -EIO
                                                          : static_cast<int>(d.nr_sectors * 512);
    };
    user_io flush(k, s.id, uapi::op::flush, 0, 0), write(k, s.id, uapi::op::write, 0, 8);
    write.submit();
    CHECK(flush.run(s) == -EIO);
    s.serve_until([&] { return write.done(); });
    CHECK(write.error() == 0);
}

TEST_CASE("more bios than tags: they wait, and all come") {
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        twin::kernel_options o = quiet("7.3", seed);
        o.manner.any_order = true;
        kernel k(o);
        raw_server s(k, {.queues = 2, .depth = 2});
        s.begin();
        std::deque<user_io> all;
        twin::disk& d = *k.blocks().find(s.id);
        k.blocks().plug(d);
        for (std::uint64_t n = 0; n < 32; ++n) {
            all.emplace_back(k, s.id, uapi::op::write, n * 32, 20);
            all.back().submit();
        }
        settle(k);
        CHECK_FALSE(s.serve());  // held up by the plug
        k.blocks().unplug(d);
        s.serve_until([&] { return std::ranges::all_of(all, &user_io::done); });
        std::set<std::uint64_t> sectors;
        for (const request& r : take(s)) {
            for (std::uint32_t n = 0; n < r.sectors; ++n) sectors.insert(r.sector + n);
        }
        CHECK(sectors.size() == 32 * 20);
        CHECK(k.blocks().info(d).in_flight == 0);
    }
}

TEST_CASE("what a disk refuses itself") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.sectors = 64, .attributes = uapi::attr_read_only});
    s.begin();
    CHECK(user_io(k, s.id, uapi::op::write, 0, 8).run(s) == -EPERM);
    CHECK(user_io(k, s.id, uapi::op::read, 60, 8).run(s) == -EIO);
    CHECK(user_io(k, s.id, uapi::op::read, ~0ull - 7, 8).run(s) == -EIO);
    CHECK(user_io(k, s.id, uapi::op::read, 0, 0).run(s) == 0);
    CHECK(s.seen.empty());
    // As it is: the server sees it.
    CHECK(user_io(k, s.id, uapi::op::read, 60, 8, bio::as_it_is).run(s) == -EIO);
    CHECK(s.seen.size() == 1);
    REQUIRE(s.control(uapi::ctrl_op::update_size, std::uint64_t{128}) == 0);
    s.ram.resize(128 * 512);
    CHECK(user_io(k, s.id, uapi::op::read, 60, 8).run(s) == 0);
}

TEST_CASE("errors of a server as users see them") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    s.begin();
    int code = 0;
    s.handler = [&](auto&, auto, auto) { return code; };
    for (const auto& [told, seen] : {std::pair{ENOSPC, ENOSPC},
                                     {EOPNOTSUPP, EOPNOTSUPP},
                                     {EPERM, EIO},
                                     {EINTR, EIO},
                                     {ETIMEDOUT, ETIMEDOUT}}) {
        code = -told;
        CHECK(user_io(k, s.id, uapi::op::write, 0, 8).run(s) == -seen);
    }
}

TEST_CASE("openers: exclusive ones exclude each other, and the last one lets a dead disk go") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    s.begin();
    twin::disk& d = *k.blocks().find(s.id);
    CHECK(k.blocks().open(d, true, 0, 0, true) == 0);
    CHECK(k.blocks().open(d, true, 0, 0, true) == -EBUSY);
    CHECK(k.blocks().open(d, true, 0, 0, false) == 0);
    CHECK(s.control(uapi::ctrl_op::try_stop_dev) == -EBUSY);
    CHECK(s.control_while_serving(uapi::ctrl_op::stop_dev) == 0);
    CHECK(k.blocks().find(s.id) == nullptr);
    CHECK(k.blocks().open(d, true, 0, 0, false) == -ENXIO);
    CHECK(s.set_params() == -EACCES);  // somebody still has it open
    k.blocks().close(d, true);
    k.blocks().close(d, false);
    CHECK(s.set_params() == 0);
}

TEST_CASE("partitions are looked for within START_DEV, or after it, by reads of the server") {
    for (const char* version : {"6.12", "7.3"}) {
        twin::kernel_options o = quiet(version);
        o.manner.partition_scan = true;
        kernel k(o);
        raw_server s(k);
        REQUIRE(s.add() == 0);
        REQUIRE(s.set_params() == 0);
        REQUIRE(s.open() == 0);
        REQUIRE(s.map() == 0);
        s.fetch_all();
        s.send(uapi::ctrl_op::start_dev, {.data = {static_cast<std::uint64_t>(s.process.pid())}},
               7);
        settle(k);
        s.control_ring.enter();
        CHECK(s.control_ring.take(7).has_value() == k.version().at_least(6, 19));
        CHECK(k.ublk().has_block(s.id));
        s.serve_until([&] { return s.seen.size() == 2; });
        settle(k);
        s.serve();
        settle(k);
        CHECK(k.blocks().info(*k.blocks().find(s.id)).openers == 0);
    }
}
