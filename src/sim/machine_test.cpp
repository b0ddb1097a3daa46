// SPDX-License-Identifier: MIT
// The twin as users have it: ashlar::twin::machine.
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <ashlar/ashlar.hpp>
#include <ashlar/twin.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>

using namespace ashlar;
using test::ram;

namespace {

using bytes = std::vector<std::byte>;

constexpr std::uint64_t disk_bytes = 1 << 20;

twin::machine_options chosen(std::uint64_t seed = 1) {
    return {.kernel = test::chosen_twin().version, .seed = seed};
}

bytes block_of(unsigned char value, std::size_t size = 4096) {
    return bytes(size, std::byte{value});
}

bytes read_back(twin::served& disk, std::uint64_t at) {
    bytes found(4096);
    CHECK(!disk.read(at, found));
    return found;
}

struct on_file {
    int file;
    static constexpr auto durability = ashlar::durability::volatile_cache;
    std::uint64_t size() const { return disk_bytes; }
    task<std::error_code> read(request& r) {
        co_return co_await r.ring().read(file, r.data(), r.offset());
    }
    task<std::error_code> write(request& r) {
        co_return co_await r.ring().write(file, r.data(), r.offset());
    }
    task<std::error_code> flush(request& r) { co_return co_await r.ring().data_sync(file); }
};

// Never answers a read.
struct stuck {
    struct never {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {}
        void await_resume() const noexcept {}
    };
    static constexpr auto fence = ashlar::fence::process;
    std::uint64_t size() const { return disk_bytes; }
    task<std::error_code> read(request&) {
        never answer;
        co_await answer;
        co_return std::error_code();
    }
};

}  // namespace

TEST_CASE("machine: a disk is written, read, and removed") {
    twin::machine m(chosen());
    auto disk = m.serve(ram(disk_bytes));
    REQUIRE(disk);
    CHECK(disk->alive());
    CHECK(!disk->write(8192, block_of(7)));
    CHECK(read_back(*disk, 8192) == block_of(7));
    CHECK(read_back(*disk, 0) == block_of(0));
    CHECK(disk->counters().size() == 1);
    CHECK(disk->counters()[0].writes >= 1);
    bytes found(4096), odd(100);
    CHECK(disk->read(disk_bytes, found));  // beyond the end
    CHECK(disk->read(0, odd) == io_error(EINVAL));
    CHECK(disk->stop());
    CHECK(!disk->alive());
    CHECK(disk->read(0, found) == io_error(ENXIO));
    CHECK(m.findings().empty());
}

TEST_CASE("machine: many operations are under way, step by step") {
    twin::machine m(chosen());
    auto disk = m.serve(ram(disk_bytes), {.depth = 4});
    REQUIRE(disk);
    std::vector<twin::pending> all;
    for (unsigned char i = 0; i < 20; ++i) all.push_back(disk->begin_write(i * 4096u, block_of(i)));
    while (!std::ranges::all_of(all, &twin::pending::done)) REQUIRE(m.step());
    for (unsigned char i = 0; i < 20; ++i) CHECK(read_back(*disk, i * 4096u) == block_of(i));
    auto last = disk->begin_read(4096, 4096);
    CHECK(!last.done());
    CHECK(!last.wait());
    CHECK(std::ranges::equal(last.data(), block_of(1)));
}

TEST_CASE("machine: one seed is one run, another seed another one") {
    const auto hash = [](std::uint64_t seed) {
        twin::machine m(chosen(seed));
        auto disk = m.serve(on_file{m.make_file(disk_bytes)});
        REQUIRE(disk);
        for (unsigned char i = 0; i < 10; ++i) CHECK(!disk->write(i * 4096u, block_of(i)));
        CHECK(disk->stop());
        return m.trace_hash();
    };
    CHECK(hash(3) == hash(3));
    CHECK(hash(3) != hash(4));
}

TEST_CASE("machine: what was flushed outlives the power, and the rest may not") {
    unsigned lost = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        CAPTURE(seed);
        twin::machine m(chosen(seed));
        const int file = m.make_file(disk_bytes);
        auto disk = m.serve(on_file{file});
        REQUIRE(disk);
        CHECK(!disk->write(0, block_of(1)));
        CHECK(!disk->flush());
        CHECK(!disk->write_fua(4096, block_of(2)));
        CHECK(std::ranges::equal(m.durable(file).subspan(4096, 4096), block_of(2)));
        CHECK(!disk->write(8192, block_of(3)));
        CHECK(std::ranges::equal(m.content(file).subspan(8192, 4096), block_of(3)));
        m.cut_power();
        CHECK(!disk->alive());
        auto again = m.serve(on_file{file});
        REQUIRE(again);
        CHECK(read_back(*again, 0) == block_of(1));
        CHECK(read_back(*again, 4096) == block_of(2));
        lost += read_back(*again, 8192) == block_of(3) ? 0 : 1;
    }
    CHECK(lost > 0);
}

TEST_CASE("machine: faults of a file reach the user of the disk") {
    twin::machine m(chosen());
    const int file = m.make_file(disk_bytes);
    auto disk = m.serve(on_file{file});
    REQUIRE(disk);
    m.faults(file).write_error = 1'000'000;
    CHECK(disk->write(0, block_of(1)) == io_error(EIO));
    m.faults(file) = {.no_space = 1'000'000};
    CHECK(disk->write(0, block_of(1)) == io_error(ENOSPC));
    m.faults(file) = {.sync_error = 1'000'000};
    CHECK(!disk->write(0, block_of(1)));
    CHECK(disk->flush() == io_error(EIO));
    m.faults(file) = {};
    CHECK(!disk->write(0, block_of(2)));
    CHECK(!disk->flush());
}

TEST_CASE("machine: a killed server's disk is taken over, and nothing is lost") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        twin::machine m(chosen(seed));
        const ram data(disk_bytes);
        auto disk = m.serve(data, {.recovery = recovery::reissue});
        REQUIRE(disk);
        auto under_way = disk->begin_write(0, block_of(7));
        for (std::uint64_t n = 0; n < seed; ++n) m.step();
        disk->kill();
        CHECK(!disk->alive());
        const auto taken = disk->recover(data);
        REQUIRE((taken ? "" : taken.error().text()) == "");
        CHECK(disk->alive());
        CHECK(!disk->recover(data));  // it lives
        CHECK(!under_way.wait());
        CHECK(read_back(*disk, 0) == block_of(7));
        CHECK(disk->stop());
        CHECK(m.findings().empty());
    }
}

TEST_CASE("machine: every call that can fail, fails once") {
    for (unsigned n = 1;; ++n) {
        CAPTURE(n);
        REQUIRE(n < 200);
        twin::machine m(chosen());
        m.fail_call(n, ENOMEM);
        auto disk = m.serve(ram(disk_bytes));
        if (!disk) continue;  // nothing of it is left: the next one starts
        m.fail_call(0, 0);
        CHECK(!disk->write(0, block_of(1)));
        const auto stopped = disk->stop();
        CHECK((stopped ? "" : stopped.error().text()) == "");
        break;
    }
}

TEST_CASE("machine: what never comes is a time-out, whether or not a server looks around") {
    for (const recovery mode : {recovery::none, recovery::wait}) {
        // Else the kernel's own first reads are stuck before the disk is there.
        twin::machine m({.kernel = test::chosen_twin().version, .polite = true});
        auto disk = m.serve(stuck{}, {.recovery = mode});
        REQUIRE((disk ? "" : disk.error().text()) == "");
        bytes found(4096);
        CHECK(disk->read(0, found) == io_error(ETIMEDOUT));
        m.run_for(std::chrono::seconds(1));
        disk->kill();
    }
}

TEST_CASE("machine: a kernel that is not known is refused by name") {
    CHECK_THROWS_WITH_AS(twin::machine({.kernel = "5.4"}), doctest::Contains("there are: 6.1"),
                         std::invalid_argument);
}
