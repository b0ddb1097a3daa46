// SPDX-License-Identifier: MIT
#include "device/recovery.hpp"

#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace ashlar;
using namespace ashlar::device_room;

namespace {

struct shaped {
    std::uint64_t bytes = 1 << 20;
    std::uint32_t block = 0;
    ashlar::durability kept = ashlar::durability::none;
    std::uint64_t size() const { return bytes; }
    ashlar::geometry geometry() const { return {.logical_block = block}; }
    ashlar::durability durability() const { return kept; }
    void read(std::uint64_t, std::span<std::byte>) {}
    void write(std::uint64_t, std::span<const std::byte>) {}
    void flush() {}
};

struct fixed {
    std::uint64_t size() const { return 1 << 20; }
    void read(std::uint64_t, std::span<std::byte>) {}
};

struct waiting_device {
    uapi::ctrl_dev_info info;
    uapi::params params;
};

// As it was made for a target with these options, and waiting now.
waiting_device made_for(const target& served, const options& wanted = {}) {
    auto p = make_plan(wanted, served, 4096, 77);
    REQUIRE(p);
    p->info.dev_id = 3;
    p->info.flags |= uapi::f_user_recovery;
    p->info.state = static_cast<std::uint16_t>(uapi::device_state::quiesced);
    return {.info = p->info, .params = p->params};
}

result<plan> planned(const waiting_device& d, const target& served, const options& wanted = {}) {
    return plan_of_device(wanted, served, 4096, d.info, d.params);
}

std::string refusal(const waiting_device& d, const target& served, const options& wanted = {}) {
    auto p = planned(d, served, wanted);
    return p ? "" : p.error().why;
}

}  // namespace

TEST_CASE("the shape is the device's, not that of the options") {
    const target served(shaped{});
    auto d = made_for(served, {.queues = 3, .depth = 7, .block_size = 4096, .max_io = 64 << 10});
    auto p = planned(d, served, {.queues = 1, .depth = 99});
    REQUIRE(p);
    CHECK(p->info.nr_hw_queues == 3);
    CHECK(p->info.queue_depth == 7);
    CHECK(p->info.max_io_buf_bytes == 64 << 10);
    CHECK(p->info.ublksrv_flags == 77);
    CHECK(p->params.basic.logical_bs_shift == 12);
    CHECK(p->size == 1 << 20);
    CHECK(!p->read_only);
    CHECK(!p->flush_after_fua);
}

TEST_CASE("a target of another size or block is refused, and both are named") {
    auto d = made_for(target(shaped{}));
    CHECK(refusal(d, target(shaped{.bytes = 2 << 20})) ==
          "the device has 1 MiB, and the target 2 MiB");
    CHECK(refusal(d, target(shaped{.block = 4096})) ==
          "the device has blocks of 512 bytes, and the target of 4096");
    CHECK(refusal(d, target(shaped{}), {.block_size = 4096}) ==
          "the device has blocks of 512 bytes, and the target of 4096");
    auto coarse = made_for(target(shaped{.block = 4096}));
    CHECK(refusal(coarse, target(shaped{})) == "");
    CHECK(refusal(coarse, target(shaped{}), {.block_size = 512}) ==
          "the device has blocks of 4096 bytes, and the target of 512");
}

TEST_CASE("a target that can't keep what the device has promised is refused") {
    CHECK(refusal(made_for(target(shaped{})), target(fixed{})).find("writes") != std::string::npos);
    CHECK(refusal(made_for(target(fixed{})), target(shaped{})) == "");
    const target cached(shaped{.kept = durability::volatile_cache});
    CHECK(refusal(made_for(target(shaped{})), cached).find("without a flush") != std::string::npos);
    auto p = planned(made_for(cached), cached);
    REQUIRE(p);
    CHECK(p->flush_after_fua);
    CHECK(refusal(made_for(cached), target(shaped{})) == "");

    auto discarding = made_for(target(shaped{}));
    discarding.params.types |= uapi::param_type_discard;
    discarding.params.discard.max_discard_sectors = 8;
    CHECK(refusal(discarding, target(shaped{})).find("discards") != std::string::npos);
    discarding.params.discard = {.max_write_zeroes_sectors = 8};
    CHECK(refusal(discarding, target(shaped{})).find("write-zeroes") != std::string::npos);

    auto foreign = made_for(target(shaped{}));
    foreign.info.flags |= uapi::f_auto_buf_reg;
    CHECK(refusal(foreign, target(shaped{})).find("AUTO_BUF_REG") != std::string::npos);
}

TEST_CASE("a device is taken over only while it waits") {
    using uapi::device_state;
    auto d = made_for(target(shaped{}));
    auto why = [&](device_state state) {
        d.info.state = static_cast<std::uint16_t>(state);
        auto waits = check_waits(d.info);
        return waits ? "" : waits.error().why;
    };
    CHECK(why(device_state::quiesced) == "");
    CHECK(why(device_state::fail_io) == "");
    d.info.ublksrv_pid = 5;
    CHECK(why(device_state::live) == "a server (pid 5) has it");
    CHECK(why(device_state::dead) == "it was stopped, or never started");
    d.info.flags = 0;
    CHECK(why(device_state::quiesced) == "it was made without recovery");
}

TEST_CASE("a mode of recovery that the kernel has dropped is named") {
    test::twin_machine m("6.12");
    uapi::ctrl_dev_info made;
    made.flags = uapi::f_user_recovery;
    CHECK(check_recovery_was_granted(m, uapi::f_user_recovery, made));
    CHECK(check_recovery_was_granted(m, uapi::f_user_recovery | uapi::f_quiesce, made));
    auto dropped =
        check_recovery_was_granted(m, uapi::f_user_recovery | uapi::f_user_recovery_fail_io, made);
    REQUIRE(!dropped);
    CHECK(dropped.error().code == EOPNOTSUPP);
    CHECK(dropped.error().why ==
          "this kernel (6.12.117-twin) has no USER_RECOVERY_FAIL_IO, which came with Linux 6.13");
}
