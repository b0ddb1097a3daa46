// SPDX-License-Identifier: MIT
// The handlers of the target file, on files of the twin.
#include "targets/file/file_disk.hpp"

#include <ashlar/twin.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

using namespace ashlar;
using namespace ashlar::targets;

namespace {

constexpr std::uint64_t disk_bytes = 1 << 20;

file_spec spec_of(int file) {
    return {.name = "disk.img",
            .fd = file,
            .bytes = disk_bytes,
            .open_again = [file] { return file; },
            .bytes_now = [] { return disk_bytes; }};
}

std::vector<std::byte> block_of(int n) { return std::vector<std::byte>(4096, std::byte(n)); }

bool is_all(std::span<const std::byte> data, int n) {
    return std::ranges::all_of(data, [n](std::byte b) { return b == std::byte(n); });
}

template <class Disk = sparse_file_disk>
twin::served serve(twin::machine& m, file_spec spec) {
    auto disk = Disk::make(std::move(spec));
    REQUIRE(disk);
    auto served = m.serve(target(*disk));
    REQUIRE(served);
    return *served;
}

}  // namespace

TEST_CASE("a disk on a file grows by what the file has, and may be smaller than it") {
    twin::machine m;
    const int file = m.make_file(2 * disk_bytes);
    std::uint64_t asked = 0;
    file_spec spec = spec_of(file);
    spec.make_room = [&](std::uint64_t bytes) -> result<> {
        asked = bytes;
        if (bytes <= 2 * disk_bytes) return {};
        return failure({.operation = "make longer", .code = EFBIG});
    };
    auto disk = serve(m, spec);
    REQUIRE(!disk.write(disk_bytes - 4096, block_of(7)));
    REQUIRE(disk.resize(2 * disk_bytes));
    CHECK(asked == 2 * disk_bytes);
    REQUIRE(!disk.write(2 * disk_bytes - 4096, block_of(8)));
    auto refused = disk.resize(3 * disk_bytes);
    REQUIRE(!refused);
    CHECK(refused.error().code == EFBIG);
    REQUIRE(disk.resize(disk_bytes));
    CHECK(disk.write(disk_bytes, block_of(9)));
    CHECK(is_all(m.content(file).subspan(disk_bytes - 4096, 4096), 7));
    CHECK(is_all(m.content(file).last(4096), 8));
    CHECK(m.findings().empty());
    CHECK(!disk.resize(0));
    CHECK(!disk.resize(disk_bytes + 1));
    disk.kill();
    CHECK(!disk.resize(2 * disk_bytes));
}

TEST_CASE("a disk on a file keeps what was flushed, in its window of the file") {
    for (const char* kernel : {"6.1", "6.12", "7.3"}) {
        CAPTURE(kernel);
        twin::machine m({.kernel = kernel});
        const int file = m.make_file(disk_bytes + 8192);
        m.faults(file).short_transfer = 300'000;
        file_spec spec = spec_of(file);
        spec.offset = 8192;
        auto disk = serve(m, spec);
        REQUIRE(!disk.write(4096, block_of(7)));
        REQUIRE(!disk.flush());
        REQUIRE(!disk.write_fua(0, block_of(8)));
        m.cut_power();
        CHECK(is_all(m.content(file).subspan(8192, 4096), 8));
        CHECK(is_all(m.content(file).subspan(8192 + 4096, 4096), 7));
        CHECK(is_all(m.content(file).first(8192), 0));
        auto again = serve(m, spec);
        std::vector<std::byte> found(4096);
        REQUIRE(!again.read(4096, found));
        CHECK(is_all(found, 7));
        CHECK(m.findings().empty());
    }
}

TEST_CASE("once a sync has failed no flush succeeds any more") {
    twin::machine m;
    const int file = m.make_file(disk_bytes);
    auto disk = serve(m, spec_of(file));
    REQUIRE(!disk.write(0, block_of(1)));
    m.faults(file).sync_error = 1'000'000;
    CHECK(disk.flush() == io_error(EIO));
    m.faults(file).sync_error = 0;
    CHECK(disk.flush() == io_error(EIO));
    CHECK(disk.write_fua(4096, block_of(2)) == io_error(EIO));
    // Nothing else has failed.
    CHECK(!disk.write(8192, block_of(3)));
    std::vector<std::byte> found(4096);
    CHECK(!disk.read(8192, found));
    CHECK(is_all(found, 3));
}

TEST_CASE("flushes that come while a sync runs share the next one") {
    twin::machine m({.polite = true});
    const int file = m.make_file(disk_bytes);
    m.faults(file).delay_max_ns = 1'000'000;
    auto disk = serve(m, spec_of(file));
    REQUIRE(!disk.write(0, block_of(1)));
    std::vector<twin::pending> flushes;
    for (int n = 0; n < 20; ++n) flushes.push_back(disk.begin_flush());
    for (twin::pending& flush : flushes) CHECK(!flush.wait());
    // An operation that has come later is not passed over.
    REQUIRE(!disk.write(4096, block_of(2)));
    CHECK(!disk.flush());
    CHECK(is_all(m.durable(file).subspan(4096, 4096), 2));
    m.faults(file).sync_error = 1'000'000;
    flushes.clear();
    for (int n = 0; n < 20; ++n) flushes.push_back(disk.begin_flush());
    for (twin::pending& flush : flushes) CHECK(flush.wait() == io_error(EIO));
}

TEST_CASE("of flushes at the same time none succeeds where another's sync has lost data") {
    // The error is told to one of them only, and may be known later than the other's success.
    int failed = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        twin::machine m({.seed = seed});
        const int file = m.make_file(disk_bytes);
        m.faults(file).delay_max_ns = 1'000'000;
        auto disk = serve(m, spec_of(file));
        REQUIRE(!disk.write(0, block_of(1)));
        m.faults(file).sync_error = 500'000;
        std::vector<twin::pending> flushes;
        for (int n = 0; n < 6; ++n) {
            flushes.push_back(disk.begin_flush());
            m.run_for(std::chrono::microseconds(100));
        }
        for (twin::pending& flush : flushes) {
            if (!flush.wait()) REQUIRE(is_all(m.durable(file).first(4096), 1));
            failed += flush.done() && flush.wait() ? 1 : 0;
        }
    }
    CHECK(failed > 40);
}

TEST_CASE("zeros are made by holes, by ranges, or by writing them") {
    for (bool holes : {true, false}) {
        for (bool ranges : {true, false}) {
            CAPTURE(holes);
            CAPTURE(ranges);
            twin::machine m;
            const int file = m.make_file(disk_bytes);
            m.faults(file).no_holes = !holes;
            m.faults(file).no_zero_ranges = !ranges;
            file_spec spec = spec_of(file);
            spec.offset = 4096;
            spec.bytes -= 4096;
            auto disk = serve<file_disk>(m, spec);
            std::vector<std::byte> data(300 << 10, std::byte{9});
            REQUIRE(!disk.write(0, data));
            CHECK(!disk.write_zeroes(4096, 200 << 10));
            CHECK(!disk.write_zeroes(4096, 200 << 10));
            const auto content = m.content(file).subspan(4096);
            CHECK(is_all(content.first(4096), 9));
            CHECK(is_all(content.subspan(4096, 200 << 10), 0));
            CHECK(is_all(content.subspan(4096 + (200 << 10), 4096), 9));
        }
    }
}

TEST_CASE("discards punch holes, and what a file can't do is an error") {
    twin::machine m;
    const int file = m.make_file(disk_bytes);
    auto disk = serve(m, spec_of(file));
    REQUIRE(!disk.write(0, block_of(5)));
    CHECK(!disk.discard(0, 4096));
    CHECK(is_all(m.content(file).first(4096), 0));
    m.faults(file).no_holes = true;
    CHECK(disk.discard(0, 4096) == io_error(EOPNOTSUPP));
    auto plain = serve<file_disk>(m, spec_of(file));
    CHECK(plain.discard(0, 4096) == io_error(EOPNOTSUPP));
}

TEST_CASE("a file that has shrunk gives errors, not old memory") {
    twin::machine m;
    const int file = m.make_file(disk_bytes / 2);
    auto disk = serve(m, spec_of(file));
    std::vector<std::byte> found(4096);
    CHECK(disk.read(disk_bytes / 2, found) == io_error(EIO));
    CHECK(disk.write(disk_bytes / 2, block_of(1)) == io_error(ENOSPC));
}
