// SPDX-License-Identifier: MIT
// A file with a volatile cache: what a power cut may leave of it.
#include "twin/file.hpp"

#include <doctest/doctest.h>

#include <array>
#include <set>

using namespace ashlar::twin;

namespace {

using block = std::array<std::byte, 1024>;

block filled(unsigned value) {
    block b;
    b.fill(static_cast<std::byte>(value));
    return b;
}

unsigned first_of(const file& f, std::uint64_t at) {
    std::byte b[1];
    f.read(at, b);
    return static_cast<unsigned>(b[0]);
}

}  // namespace

TEST_CASE("what was synced outlives any power cut") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        file f("disk", 1 << 16);
        ashlar::twin::random dice(seed, "dice");
        f.write(0, filled(1));
        f.end_sync(f.begin_sync());
        f.cut_power(dice);
        CHECK(first_of(f, 0) == 1);
        CHECK(first_of(f, 512) == 1);
    }
}

TEST_CASE("what was not synced is kept, lost or torn at a sector") {
    std::set<std::pair<unsigned, unsigned>> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        file f("disk", 1 << 16);
        ashlar::twin::random dice(seed, "dice");
        f.write(0, filled(1));
        f.end_sync(f.begin_sync());
        f.write(0, filled(2));
        CHECK(first_of(f, 0) == 2);
        f.cut_power(dice);
        seen.insert({first_of(f, 0), first_of(f, 512)});
    }
    CHECK(seen == std::set<std::pair<unsigned, unsigned>>{{1, 1}, {2, 2}, {1, 2}, {2, 1}});
}

TEST_CASE("a sync is for what was written before it began") {
    file f("disk", 1 << 16);
    f.write(0, filled(1));
    const std::uint64_t place = f.begin_sync();
    f.write(4096, filled(2));
    f.end_sync(place);
    CHECK(f.durable()[0] == std::byte{1});
    CHECK(f.durable()[4096] == std::byte{0});
}

TEST_CASE("a failed sync forgets: a later one that succeeds does not bring it back") {
    std::set<unsigned> seen;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        file f("disk", 1 << 16);
        ashlar::twin::random dice(seed, "dice");
        f.write(0, filled(1));
        f.fail_sync(f.begin_sync());
        f.end_sync(f.begin_sync());
        CHECK(first_of(f, 0) == 1);
        f.cut_power(dice);
        seen.insert(first_of(f, 0));
    }
    CHECK(seen == std::set<unsigned>{0, 1});
}

TEST_CASE("what a failed sync forgot can't come back over newer, synced data") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        file f("disk", 1 << 16);
        ashlar::twin::random dice(seed, "dice");
        f.write(0, filled(1));
        f.fail_sync(f.begin_sync());
        f.write(512, filled(2));
        f.end_sync(f.begin_sync());
        f.cut_power(dice);
        CHECK(first_of(f, 512) == 2);
    }
}
