// SPDX-License-Identifier: MIT
#include "device/plan.hpp"

#include "support/targets.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace ashlar;
using namespace ashlar::device_room;

namespace {

struct shaped {
    std::uint64_t bytes = 1 << 20;
    ashlar::geometry shape = {};
    std::uint64_t size() const { return bytes; }
    ashlar::geometry geometry() const { return shape; }
    void read(std::uint64_t, std::span<std::byte>) {}
    void write(std::uint64_t, std::span<const std::byte>) {}
    void discard(std::uint64_t, std::uint64_t) {}
};

struct read_only {
    std::uint64_t size() const { return 4096; }
    void read(std::uint64_t, std::span<std::byte>) {}
};

struct changing {
    static inline ashlar::durability now = ashlar::durability::none;
    ashlar::durability durability() const { return now; }
    std::uint64_t size() const { return 4096; }
    void read(std::uint64_t, std::span<std::byte>) {}
    void write(std::uint64_t, std::span<const std::byte>) {}
    void flush() {}
};

result<plan> plan_of(const options& wanted, shaped s = {}) {
    return make_plan(wanted, target(s), 4096, 77);
}

}  // namespace

TEST_CASE("what a type has, its device can do") {
    auto p = plan_of({.queues = 2, .depth = 64});
    REQUIRE(p);
    CHECK(p->info.nr_hw_queues == 2);
    CHECK(p->info.queue_depth == 64);
    CHECK(p->info.dev_id == uapi::device_id_auto);
    CHECK(p->info.ublksrv_flags == 77);
    CHECK(p->info.state == 0);
    CHECK(p->params.types == (uapi::param_type_basic | uapi::param_type_discard));
    CHECK(p->params.basic.attrs == 0);
    CHECK(p->params.discard.max_write_zeroes_sectors == 0);
    CHECK(p->params.discard.max_discard_sectors > 8'000'000);
    CHECK(p->params.discard.max_discard_segments == 1);

    auto fixed = make_plan({}, target(read_only{}), 4096, 1);
    REQUIRE(fixed);
    CHECK(fixed->params.basic.attrs == uapi::attr_read_only);
    CHECK(fixed->params.types == uapi::param_type_basic);
}

TEST_CASE("durability may be a matter of run time") {
    changing::now = ashlar::durability::write_through;
    auto p = make_plan({}, target(changing{}), 4096, 1);
    REQUIRE(p);
    CHECK(p->params.basic.attrs == 0);
    CHECK(!p->flush_after_fua);
    changing::now = ashlar::durability::volatile_cache;
    p = make_plan({}, target(changing{}), 4096, 1);
    REQUIRE(p);
    CHECK(p->params.basic.attrs == (uapi::attr_volatile_cache | uapi::attr_fua));
    CHECK(p->flush_after_fua);
}

TEST_CASE("geometry is given in bytes and reaches the kernel as its shifts") {
    auto p = plan_of({.max_io = 1 << 20}, {.shape = {.logical_block = 1024,
                                                     .physical_block = 4096,
                                                     .io_min = 8192,
                                                     .io_opt = 65536,
                                                     .discard_granularity = 16384,
                                                     .rotational = true}});
    REQUIRE(p);
    CHECK(p->params.basic.logical_bs_shift == 10);
    CHECK(p->params.basic.physical_bs_shift == 12);
    CHECK(p->params.basic.io_min_shift == 13);
    CHECK(p->params.basic.io_opt_shift == 16);
    CHECK(p->params.basic.max_sectors == 2048);
    CHECK(p->params.basic.dev_sectors == 2048);
    CHECK(p->params.basic.attrs == uapi::attr_rotational);
    CHECK(p->params.discard.discard_granularity == 16384);
    CHECK(p->params.discard.max_discard_sectors % 32 == 0);
}

TEST_CASE("what a person gets wrong is refused before the kernel is asked, and named") {
    struct wrong {
        options wanted;
        shaped target;
        const char* named;
    };
    const wrong cases[] = {
        {{}, {.bytes = 0}, "size"},
        {{}, {.bytes = 513}, "size"},
        {{.block_size = 4096}, {.bytes = 4096 + 512}, "size"},
        {{}, {.bytes = std::numeric_limits<std::uint64_t>::max() / 512 * 512}, "size"},
        {{.queues = 0}, {}, "queues"},
        {{.queues = 5000}, {}, "queues"},
        {{.depth = 0}, {}, "depth"},
        {{.depth = 4097}, {}, "depth"},
        {{.block_size = 513}, {}, "block size"},
        {{.block_size = 256}, {}, "block size"},
        {{.block_size = 8192}, {}, "block size"},
        {{.max_io = 512}, {}, "largest request"},
        {{.max_io = 4097}, {}, "largest request"},
        {{.max_io = 64 << 20}, {}, "largest request"},
        {{.id = 1 << 20}, {}, "id"},
        {{.name = "../etc/passwd"}, {}, "name"},
        {{.name = ".hidden"}, {}, "name"},
        {{.name = "--json"}, {}, "name"},
        {{.name = "two words"}, {}, "name"},
        {{}, {.shape = {.physical_block = 513}}, "physical block"},
        {{}, {.shape = {.io_opt = 1000}}, "io_opt"},
    };
    for (const wrong& w : cases) {
        CAPTURE(w.named);
        auto p = plan_of(w.wanted, w.target);
        REQUIRE(!p);
        CHECK(p.error().operation == w.named);
        CHECK(p.error().usage);
        CHECK(!p.error().why.empty());
        CHECK(!p.error().remedy.empty());
    }
    CHECK(plan_of({}, {.bytes = (std::uint64_t{1} << 63) - 512}));
}

TEST_CASE("each mode of recovery has its flags") {
    auto flags = [](recovery mode) {
        return plan_of({.recovery = mode, .unfenced = true})->info.flags;
    };
    CHECK(flags(recovery::none) == 0);
    CHECK(flags(recovery::wait) == uapi::f_user_recovery);
    CHECK(flags(recovery::reissue) == (uapi::f_user_recovery | uapi::f_user_recovery_reissue));
    CHECK(flags(recovery::fail) == (uapi::f_user_recovery | uapi::f_user_recovery_fail_io));
}

TEST_CASE("without a fence requests are not made again") {
    auto refused = plan_of({.recovery = recovery::reissue});
    REQUIRE(!refused);
    CHECK(refused.error().why.find("dead server's writes") != std::string::npos);
    CHECK(plan_of({.recovery = recovery::wait}));
    CHECK(make_plan({.recovery = recovery::reissue}, target(test::ram(1 << 20)), 4096, 77));
}
