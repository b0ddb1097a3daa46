// SPDX-License-Identifier: MIT
// The data plane on the twin: what a target may do wrong, and what a request costs.
#include "device/life.hpp"
#include "support/allocations.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <mutex>
#include <stdexcept>

using namespace ashlar;
using namespace std::chrono_literals;
using test::block_request;
using test::twin_machine;

namespace {

// A device of a target on the twin, and what it logs.
struct served {
    twin_machine m;
    std::mutex mutex;
    std::vector<std::string> messages;
    std::unique_ptr<device::implementation> disk;

    explicit served(target t, options wanted = {}, bool polite = false)
        : m(test::chosen_twin().version, polite) {
        set_log_sink([this](level, std::string_view text) {
            std::lock_guard lock(mutex);
            messages.emplace_back(text);
        });
        serve(std::move(t), std::move(wanted));
    }
    // Another target in the place of the one before.
    void serve(target t, options wanted = {}) {
        disk.reset();
        const test::twin_choice& chosen = test::chosen_twin();
        const bool can =
            ((chosen.lane != lane::zero_copy && chosen.lane != lane::zero_copy_manual) ||
             t.passes_data()) &&
            (chosen.lane != lane::in_place || t.table().place != nullptr);
        if (wanted.lane == lane::automatic && can) wanted.lane = chosen.lane;
        if (wanted.delivery == delivery::automatic) wanted.delivery = chosen.delivery;
        auto started = device::implementation::start(m, std::move(t), std::move(wanted));
        REQUIRE(started);
        disk = std::move(*started);
    }
    ~served() {
        disk.reset();
        CHECK(m.leaks() == "");
        set_log_sink({});
    }
    int perform(uapi::op op, std::uint64_t sector, std::uint32_t sectors, std::uint32_t flags = 0) {
        block_request r{.op = op, .sector = sector, .sectors = sectors, .flags = flags};
        if (op == uapi::op::write) r.data.resize(std::size_t{sectors} * 512);
        return m.perform(0, r);
    }
    std::string last_message() {
        std::lock_guard lock(mutex);
        return messages.empty() ? "" : messages.back();
    }
};

constexpr std::uint64_t sector_of(std::uint64_t at) { return at / 512; }

// A category whose numbers are no errnos.
const std::error_category& foreign_category() {
    static const struct final_category final : std::error_category {
        const char* name() const noexcept override { return "foreign"; }
        std::string message(int) const override { return "something else"; }
    } category;
    return category;
}

// Misbehaves by position: each sector stands for one kind of fault.
struct faulty {
    std::uint64_t size() const { return 1 << 20; }
    std::error_code read(std::uint64_t at, std::span<std::byte> out) {
        std::ranges::fill(out, std::byte{1});
        switch (sector_of(at)) {
            case 1: throw std::runtime_error("no such luck");
            case 2: throw std::system_error(ENOSPC, std::system_category(), "full");
            case 3: throw 42;
            case 4: throw std::bad_alloc();
            case 5: return io_error(-5);
            case 6: return io_error(100000);
            case 7: return io_error(EREMOTEIO);
            case 8: return {7, foreign_category()};
            default: return {};
        }
    }
};

}  // namespace

TEST_CASE("a target's failure is an error of that one request, and is logged with its place") {
    served s{target(faulty{})};
    const std::pair<unsigned, int> expected[] = {{1, EIO}, {2, ENOSPC}, {3, EIO},       {4, ENOMEM},
                                                 {5, EIO}, {6, EIO},    {7, EREMOTEIO}, {8, EIO}};
    for (auto [sector, code] : expected) {
        CAPTURE(sector);
        CHECK(s.perform(uapi::op::read, sector, 1) == -code);
        CHECK(s.perform(uapi::op::read, 100, 1) == 512);
    }
    CHECK(s.disk->counters()[0].failed == std::size(expected));
    bool thrown = false;
    bool placed = false;
    for (const std::string& text : s.messages) {
        thrown = thrown || text.find("the target threw: no such luck") != std::string::npos;
        placed = placed || (text.starts_with("device 0: queue 0: tag ") &&
                            text.find("read of 512 bytes at 512") != std::string::npos);
    }
    CHECK(thrown);
    CHECK(placed);
}

TEST_CASE("messages about a broken target are limited") {
    served s{target(faulty{})};
    for (int i = 0; i < 200; ++i) CHECK(s.perform(uapi::op::read, 7, 1) == -EREMOTEIO);
    std::lock_guard lock(s.mutex);
    CHECK(s.messages.size() < 100);
}

TEST_CASE("what a target can't do, and what no device has, is refused and not passed on") {
    served s{target(faulty{})};
    CHECK(s.perform(uapi::op::write, 0, 1) == -EOPNOTSUPP);
    CHECK(s.perform(uapi::op::discard, 0, 8) == -EOPNOTSUPP);
    CHECK(s.perform(uapi::op::write_zeroes, 0, 8) == -EOPNOTSUPP);
    CHECK(s.perform(uapi::op::zone_reset, 0, 8) == -EOPNOTSUPP);
    CHECK(s.perform(uapi::op::write_same, 0, 8) == -EOPNOTSUPP);
    CHECK(s.perform(uapi::op::flush, 0, 0) == 0);
    CHECK(s.perform(uapi::op::read, 2048, 1) == -EIO);
    CHECK(s.perform(uapi::op::read, 2047, 2) == -EIO);
    CHECK(s.perform(uapi::op::read, ~0ULL, 1) == -EIO);
    CHECK(s.perform(uapi::op::read, 2047, 1) == 512);
    CHECK(s.m.params_of(0).basic.attrs == uapi::attr_read_only);
}

TEST_CASE("a request larger than its buffer is refused by construction") {
    served s{target(test::ram(4 << 20)), {.max_io = 64 * 1024}};
    CHECK(s.perform(uapi::op::read, 0, 128) == 64 * 1024);
    CHECK(s.perform(uapi::op::read, 0, 129) == -EIO);
}

namespace {

// Writes down what it is asked for.
struct recorder {
    std::shared_ptr<std::vector<std::string>> log = std::make_shared<std::vector<std::string>>();
    std::shared_ptr<int> flush_code = std::make_shared<int>(0);

    static constexpr auto durability = ashlar::durability::volatile_cache;
    std::uint64_t size() const { return 1 << 20; }
    void read(std::uint64_t, std::span<std::byte>) { log->push_back("read"); }
    void write(std::uint64_t, std::span<const std::byte>) { log->push_back("write"); }
    std::error_code flush() {
        log->push_back("flush");
        return io_error(*flush_code);
    }
    void discard(std::uint64_t at, std::uint64_t length) {
        log->push_back("discard " + std::to_string(at) + " " + std::to_string(length));
    }
};

}  // namespace

TEST_CASE("a volatile cache is announced, and a write with FUA is flushed before it is answered") {
    recorder r;
    served s{target(r)};
    CHECK(s.m.params_of(0).basic.attrs == (uapi::attr_volatile_cache | uapi::attr_fua));
    CHECK(s.perform(uapi::op::write, 0, 8, uapi::io_f_fua) == 4096);
    CHECK(s.perform(uapi::op::write, 0, 8) == 4096);
    CHECK(s.perform(uapi::op::flush, 0, 0) == 0);
    CHECK(*r.log == std::vector<std::string>{"write", "flush", "write", "flush"});
    *r.flush_code = EIO;
    CHECK(s.perform(uapi::op::write, 0, 8, uapi::io_f_fua) == -EIO);
    CHECK(s.perform(uapi::op::write, 0, 8) == 4096);
}

TEST_CASE("sectors have 512 bytes whatever the block size is") {
    recorder r;
    served s{target(r), {.block_size = 4096}};
    CHECK(s.m.params_of(0).basic.logical_bs_shift == 12);
    CHECK(s.m.params_of(0).basic.dev_sectors == 2048);
    CHECK(s.perform(uapi::op::discard, 16, 8) == 0);
    CHECK(r.log->back() == "discard 8192 4096");
}

TEST_CASE("requests that arrive together are handled in one turn, with one enter") {
    served s{target(test::ram(1 << 20)), {.depth = 32}, true};
    std::vector<block_request> many(32);
    for (unsigned i = 0; i < many.size(); ++i) many[i] = {.sector = i, .sectors = 1};
    for (int round = 0; round < 10; ++round) s.m.perform(0, many);
    const queue_counters c = s.disk->counters()[0];
    CHECK(c.latency.count() == c.requests);
    CHECK(c.in_hand == 0);
    CHECK(c.longest_ns == 0);
    // In batches one completion tells of many requests.
    const bool by_tag = s.disk->lane().delivery == delivery::by_tag;
    CHECK(c.completions >= (by_tag ? c.requests : c.turns));
    CHECK(c.requests == 320);
    CHECK(c.largest_batch == 32);
    // One enter for each turn, one to fetch all tags, and perhaps the one that waits now.
    CHECK(c.enters <= c.turns + 3);
    CHECK(c.turns <= 20);
}

namespace {

// Answers from coroutines, on the ring.
struct asynchronous_disk {
    int fd;
    std::uint64_t bytes;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    static constexpr bool passes_data = true;
    std::uint64_t size() const { return bytes; }
    task<std::error_code> read(request& r) {
        if (r.offset() == 512) throw std::runtime_error("before the first await");
        std::error_code failed = co_await nested(r);
        if (r.offset() == 1024) throw std::runtime_error("after an await");
        co_return failed;
    }
    task<std::error_code> nested(request& r) {
        std::error_code waited = co_await r.ring().wait(1us);
        if (waited) co_return waited;
        co_return co_await r.read_from(fd, r.offset());
    }
    task<std::error_code> write(request& r) { co_return co_await r.write_to(fd, r.offset()); }
    task<> flush(request& r) {
        std::error_code failed = co_await r.ring().data_sync(fd);
        if (failed) throw std::system_error(failed);
    }
    task<result<>> discard(request& r) {
        std::error_code failed = co_await r.ring().allocate(fd, 3, r.offset(), r.length());
        if (failed) co_return failure({.operation = "discard", .code = failed.value()});
        co_return result<>{};
    }
};

}  // namespace

TEST_CASE("asynchronous handlers continue short transfers to the end, or fail") {
    // The model's files give half of what they are asked for.
    served s{target(asynchronous_disk{1000, 1 << 16})};
    const int fd = s.m.make_file(std::vector<std::byte>(1 << 15, std::byte{7}));
    s.serve(target(asynchronous_disk{fd, 1 << 16}));

    block_request write{.op = uapi::op::write,
                        .sector = 8,
                        .sectors = 8,
                        .data = std::vector<std::byte>(4096, std::byte{9})};
    CHECK(s.m.perform(0, write) == 4096);
    block_request read{.sector = 8, .sectors = 16};
    CHECK(s.m.perform(0, read) == 8192);
    CHECK(std::ranges::count(read.data, std::byte{9}) == 4096);
    CHECK(std::ranges::count(read.data, std::byte{7}) == 4096);
    // The file ends before the disk does: nothing may be made up, and nothing be lost silently.
    CHECK(s.perform(uapi::op::read, 60, 8) == -EIO);
    CHECK(s.perform(uapi::op::write, 60, 8) == -ENOSPC);
    CHECK(s.perform(uapi::op::flush, 0, 0) == 0);
    CHECK(s.perform(uapi::op::discard, 0, 8) == 0);
    CHECK(s.perform(uapi::op::read, 1, 1) == -EIO);
    CHECK(s.perform(uapi::op::read, 2, 1) == -EIO);
    CHECK(s.perform(uapi::op::write, 8, 8, uapi::io_f_fua) == 4096);
    CHECK(s.disk->counters()[0].frames_on_heap == 0);
}

TEST_CASE("a request costs no heap allocation, with plain handlers and with coroutines" *
          doctest::skip(!test::counts_allocations())) {
    for (bool asynchronous : {false, true}) {
        CAPTURE(asynchronous);
        served s{target(test::ram(1 << 20)), {.depth = 8}};
        if (asynchronous) {
            const int fd = s.m.make_file(std::vector<std::byte>(1 << 20));
            s.serve(target(asynchronous_disk{fd, 1 << 20}), {.depth = 8});
        }
        // The model and the test allocate, too: what counts is what more requests add. Requests of
        // one sector are moved whole, so that each costs the model the same.
        auto cost_of = [&](int rounds) {
            block_request r{.sector = 8, .sectors = 1};
            r.data.reserve(512);
            s.m.perform(0, r);
            const std::uint64_t before = test::allocations();
            for (int i = 0; i < rounds; ++i) s.m.perform(0, r);
            return test::allocations() - before;
        };
        cost_of(2000);
        const std::uint64_t few = cost_of(100);
        const std::uint64_t many = cost_of(1100);
        CAPTURE(few);
        CAPTURE(many);
        // The model's own queues take a block of memory for each few hundred entries.
        CHECK(many - few < 1000 / 10);
    }
}
