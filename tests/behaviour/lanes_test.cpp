// SPDX-License-Identifier: MIT
// The way of the data and of the requests, on the twin: by each lane that the kernel has the same
// bytes arrive, with the copies that the lane promises.
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <random>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

constexpr std::size_t disk_bytes = 1 << 20;

// As test::ram, for data that goes straight to its place.
struct streamed_ram {
    std::shared_ptr<std::vector<std::byte>> bytes =
        std::make_shared<std::vector<std::byte>>(disk_bytes);

    std::uint64_t size() const { return bytes->size(); }
    // In pieces, as a sparse one would.
    void read(std::uint64_t at, data_out& out) {
        const std::size_t half = out.left() / 2;
        out.give({bytes->data() + at, half});
        at += half;
        out.give({bytes->data() + at, out.left()});
    }
    void write(std::uint64_t at, data_in& in) { in.take({bytes->data() + at, in.left()}); }
};

// Answered in place, but for a part of the disk that has no place now and then.
struct placing_ram : streamed_ram {
    void read(std::uint64_t at, data_out& out) {
        if (at == 0) out.give({bytes->data(), 512});
        out.lend({bytes->data() + (at == 0 ? 512 : at), out.left()});
    }
    std::span<std::byte> place(std::uint64_t at, std::uint64_t length) {
        if (at < disk_bytes / 8) return {};
        return {bytes->data() + at, length};
    }
};

// Passes the data on, in two parts.
struct passing_file {
    int fd;

    static constexpr bool passes_data = true;
    std::uint64_t size() const { return disk_bytes; }
    task<std::error_code> read(request& r) {
        const std::uint64_t half = r.length() / 1024 * 512;
        const std::error_code failed = co_await r.read_from(fd, r.offset(), 0, half);
        if (failed || half == r.length()) co_return failed;
        const std::error_code rest =
            co_await r.read_from(fd, r.offset() + half, half, r.length() - half);
        co_return rest;
    }
    task<std::error_code> write(request& r) {
        const std::error_code failed = co_await r.write_to(fd, r.offset());
        co_return failed;
    }
};

struct way {
    lane data;
    delivery requests;
};

bool is_zero_copy(lane l) { return l == lane::zero_copy || l == lane::zero_copy_manual; }

std::vector<way> ways_of(const twin_machine& m) {
    std::vector<way> all;
    for (lane l : {lane::plain_copy, lane::user_copy, lane::zero_copy, lane::zero_copy_manual,
                   lane::in_place, lane::shared_memory}) {
        for (delivery d : {delivery::by_tag, delivery::in_batches}) {
            if (l == lane::zero_copy_manual && !m.has(uapi::f_supp_zero_copy)) continue;
            if (l == lane::shared_memory && !m.has(uapi::f_shmem_zc)) continue;
            if (l == lane::in_place && d == delivery::in_batches) continue;
            if (l == lane::user_copy && !m.has(uapi::f_user_copy)) continue;
            if (l == lane::zero_copy && !m.has(uapi::f_auto_buf_reg)) continue;
            if (d == delivery::in_batches && !m.has(uapi::f_batch_io)) continue;
            all.push_back({l, d});
        }
    }
    return all;
}

std::unique_ptr<device::implementation> serve(twin_machine& m, target t, const way& w) {
    auto started = device::implementation::start(
        m, std::move(t),
        {.depth = 32, .max_io = 64 * 1024, .lane = w.data, .delivery = w.requests});
    REQUIRE(started);
    return std::move(*started);
}

// Reads and writes at many places, many at a time, against a copy of what there should be.
void use(twin_machine& m, unsigned seed) {
    std::vector<std::byte> shadow(disk_bytes);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 30; ++round) {
        std::vector<block_request> together(1 + random() % 48);
        // Each has a part of the disk of its own.
        const std::uint64_t part = disk_bytes / 512 / together.size();
        for (std::size_t i = 0; i < together.size(); ++i) {
            block_request& r = together[i];
            r.sectors =
                static_cast<std::uint32_t>(1 + random() % std::min<std::uint64_t>(part, 128));
            r.sector = i * part + random() % (part - r.sectors + 1);
            if (random() % 2 == 0) continue;
            r.op = uapi::op::write;
            r.data.resize(std::size_t{r.sectors} * 512);
            std::ranges::generate(r.data, [&] { return static_cast<std::byte>(random()); });
        }
        m.perform(0, together);
        for (const block_request& r : together) {
            REQUIRE(r.outcome == static_cast<int>(r.sectors * 512));
            const auto place = shadow.begin() + static_cast<std::ptrdiff_t>(r.sector * 512);
            if (r.op == uapi::op::write) {
                std::ranges::copy(r.data, place);
            } else {
                REQUIRE(std::equal(r.data.begin(), r.data.end(), place));
            }
        }
    }
}

struct copies {
    std::uint64_t moved = 0, copied = 0;
};

copies copies_of(const device::implementation& d) {
    const queue_counters c = d.counters()[0];
    return {c.bytes_read + c.bytes_written, c.bytes_copied};
}

}  // namespace

namespace {

// One copy of each byte, the kernel's, but for what had no place.
void in_place(bool polite, const way& w, unsigned seed) {
    twin_machine m(test::chosen_twin().version, polite);
    auto disk = serve(m, target(placing_ram{}), w);
    use(m, seed);
    const copies c = copies_of(*disk);
    CHECK(c.copied > c.moved);
    CHECK(c.copied < c.moved + c.moved / 4);
    // Reads alone, of one place: none but the kernel's.
    for (int i = 0; i < 20; ++i) {
        block_request r{.sector = 1024, .sectors = 16};
        CHECK(m.perform(0, r) == 8192);
    }
    CHECK(copies_of(*disk).copied - c.copied == copies_of(*disk).moved - c.moved);
    disk.reset();
    CHECK(m.leaks() == "");
}

}  // namespace

TEST_CASE("by each lane the same bytes arrive, with the copies that it promises") {
    for (bool polite : {false, true}) {
        unsigned seed = polite ? 100 : 1;
        twin_machine probe;
        for (const way& w : ways_of(probe)) {
            CAPTURE(name(w.data));
            CAPTURE(name(w.requests));
            CAPTURE(polite);
            if (w.data == lane::in_place) {
                in_place(polite, w, seed++);
                continue;
            }
            if (!is_zero_copy(w.data)) {
                twin_machine m(test::chosen_twin().version, polite);
                auto disk = serve(m, target(test::ram(disk_bytes)), w);
                use(m, seed++);
                // To the buffer or from it; what the handler copies is its own.
                CHECK(copies_of(*disk).copied == copies_of(*disk).moved);
                disk.reset();
                disk = serve(m, target(streamed_ram{}), w);
                use(m, seed++);
                const std::uint64_t times = w.data == lane::user_copy ? 1 : 2;
                CHECK(copies_of(*disk).copied == times * copies_of(*disk).moved);
                disk.reset();
                CHECK(m.leaks() == "");
            }
            twin_machine m(test::chosen_twin().version, polite);
            const int fd = m.make_file(std::vector<std::byte>(disk_bytes));
            auto disk = serve(m, target(passing_file{fd}), w);
            use(m, seed++);
            const copies c = copies_of(*disk);
            if (is_zero_copy(w.data)) {
                // All of it where nothing goes wrong; a rude kernel refuses some registrations.
                // What it does not do by itself it has to refuse twice.
                CHECK(c.copied <= (polite ? 0 : c.moved / 2));
                CHECK((polite || w.data == lane::zero_copy || c.copied != 0));
            } else {
                CHECK(c.copied == c.moved);
            }
            disk.reset();
            CHECK(m.leaks() == "");
        }
    }
}

TEST_CASE("a lane that can't be had is refused, and nothing is left behind") {
    twin_machine m;
    const auto refusal = [&](target t, lane l, delivery d) -> std::string {
        auto started = device::implementation::start(m, std::move(t), {.lane = l, .delivery = d});
        return started ? "" : started.error().text();
    };
    CHECK(refusal(target(streamed_ram{}), lane::zero_copy, delivery::automatic) != "");
    const bool has_user_copy = m.has(uapi::f_user_copy);
    CHECK((refusal(target(streamed_ram{}), lane::user_copy, delivery::automatic) == "") ==
          has_user_copy);
    CHECK((refusal(target(streamed_ram{}), lane::automatic, delivery::in_batches) == "") ==
          m.has(uapi::f_batch_io));
    CHECK(refusal(target(streamed_ram{}), lane::zero_copy_manual, delivery::automatic) != "");
    CHECK(refusal(target(streamed_ram{}), lane::in_place, delivery::automatic) != "");
    CHECK(refusal(target(placing_ram{}), lane::in_place, delivery::automatic) == "");
    CHECK(refusal(target(placing_ram{}), lane::in_place, delivery::in_batches) != "");
    CHECK(m.leaks() == "");
}

namespace {

// Gives less than it was asked for, or more.
struct sloppy {
    std::uint64_t size() const { return disk_bytes; }
    void read(std::uint64_t at, data_out& out) {
        std::vector<std::byte> bytes(64 << 10, std::byte{1});  // more than any request of this test
        if (at == 0) out.give(std::span(bytes).first(512));
        if (at == 4096) out.give(bytes);
        if (at == 8192) out.give_zeros(out.left());
    }
    std::error_code write(std::uint64_t at, data_in& in) {
        std::vector<std::byte> bytes(512);
        if (at != 0) in.skip_rest();
        else in.take(bytes);
        return at == 8192 ? io_error(ENOSPC) : std::error_code();
    }
    // Less than is wanted is none, and so is what throws.
    std::span<std::byte> place(std::uint64_t at, std::uint64_t length) {
        if (at == 8192) throw std::bad_alloc();
        return {bytes_.data(), at == 4096 ? length : length - 512};
    }
    std::vector<std::byte> bytes_ = std::vector<std::byte>(disk_bytes);
};

}  // namespace

TEST_CASE("a handler that moves part of a request fails it; more than the request never moves") {
    twin_machine probe;
    for (const way& w : ways_of(probe)) {
        if (is_zero_copy(w.data)) continue;
        CAPTURE(name(w.data));
        twin_machine m;
        auto disk = serve(m, target(sloppy{}), w);
        const auto outcome = [&](uapi::op op, std::uint64_t sector) {
            block_request r{.op = op, .sector = sector, .sectors = 8};
            if (op == uapi::op::write) r.data.resize(4096);
            return m.perform(0, r);
        };
        CHECK(outcome(uapi::op::read, 0) == -EIO);
        CHECK(outcome(uapi::op::read, 8) == 4096);
        CHECK(outcome(uapi::op::read, 16) == 4096);
        CHECK(outcome(uapi::op::read, 24) == -EIO);
        CHECK(outcome(uapi::op::write, 0) == -EIO);
        CHECK(outcome(uapi::op::write, 8) == 4096);
        CHECK(outcome(uapi::op::write, 16) == -ENOSPC);
        disk.reset();
        CHECK(m.leaks() == "");
    }
}

TEST_CASE("in batches an answer costs no command of its own, and depth one no turn of its own") {
    twin_machine m(test::chosen_twin().version, true);
    if (!m.has(uapi::f_batch_io)) return;
    auto disk = serve(m, target(streamed_ram{}), {lane::user_copy, delivery::in_batches});
    std::vector<block_request> many(32);
    for (unsigned i = 0; i < many.size(); ++i) many[i] = {.sector = i, .sectors = 1};
    for (int round = 0; round < 10; ++round) m.perform(0, many);
    for (int round = 0; round < 100; ++round) m.perform(0, many[0]);
    const queue_counters c = disk->counters()[0];
    CHECK(c.requests == 420);
    CHECK(c.largest_batch == 32);
    CHECK(c.enters <= 110 + 6);
}
