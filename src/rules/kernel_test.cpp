// SPDX-License-Identifier: MIT
#include "rules/effects.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using namespace ashlar::rules;
namespace uapi = ashlar::uapi;

namespace {

kernel named(std::string_view name) {
    const auto k = kernel_named(name);
    REQUIRE(k);
    return *k;
}

}  // namespace

TEST_CASE("kernels know the features that they came with") {
    struct known {
        const char* name;
        std::uint64_t features;
    };
    constexpr known all[] = {{"6.1", 0x1e},    {"6.5", 0xfe},    {"6.8", 0x1fe},   {"6.12", 0x1fe},
                             {"6.14", 0x3fe},  {"6.16", 0x3fff}, {"6.18", 0x7fff}, {"7.0", 0x7ffff},
                             {"7.1", 0xfffff}, {"7.2", 0xfffff}, {"7.3", 0x1fffff}};
    for (const known& one : all) {
        CAPTURE(one.name);
        CHECK(named(one.name).features() == one.features);
    }
    kernel k = named("7.3");
    k.integrity = false;
    k.zoned = false;
    CHECK(k.features() == 0x1effff);
}

TEST_CASE("kernels have names, and the usual patch level goes without saying") {
    CHECK(personalities().size() == 7);
    for (const kernel& k : personalities()) CHECK(named(k.name()).release == k.release);
    CHECK(named("6.12").release == version{6, 12, 117});
    CHECK(named("6.12").name() == "6.12");
    CHECK(named("6.12.0").name() == "6.12.0");
    CHECK(named("6.16.3").name() == "6.16.3");
    CHECK(named("6.16").name() == "6.16");
    for (const char* bad :
         {"", "6", "6.", "6.x", "5.19", "6.12.", "6.12.1.2", "6.12-rc1", " 6.1"}) {
        CAPTURE(bad);
        CHECK(!kernel_named(bad));
    }
}

TEST_CASE("a range has its kernels, and those that it was brought back to") {
    constexpr version back[] = {{6, 12, 117}, {7, 0, 11}};
    const range r = {.since = {7, 2, 0}, .also_since = back};
    CHECK(r.contains({7, 2, 0}));
    CHECK(r.contains({6, 12, 117}));
    CHECK(!r.contains({6, 12, 116}));
    CHECK(!r.contains({6, 18, 200}));
    CHECK(r.text() == "7.2+, 6.12.117, 7.0.11");
    const range w = {.until = {7, 2, 0}, .also_until = back};
    CHECK(!w.contains({7, 2, 0}));
    CHECK(!w.contains({6, 12, 117}));
    CHECK(w.contains({6, 12, 116}));
    CHECK(range{}.text() == "all");
    CHECK(since(6, 13).text() == "6.13+");
    CHECK(until(6, 15).text() == "up to 6.14");
    CHECK(until(7, 0).text() == "up to 6.19");
    CHECK(between({6, 15}, {6, 17}).text() == "6.15 to 6.16");
    CHECK(between({6, 16}, {6, 17}).text() == "6.16");
}

TEST_CASE("parameters are as long as the kernel knows them") {
    CHECK(named("6.1").params_bytes() == 64);
    CHECK(named("6.5").params_bytes() == 80);
    CHECK(named("6.8").params_bytes() == 112);
    CHECK(named("6.18").params_bytes() == 136);
    CHECK(named("7.0").params_bytes() == 152);
    CHECK(named("6.1").param_types() == 3);
    CHECK(named("7.3").param_types() == uapi::all_param_types);
}

TEST_CASE("ADD_DEV keeps, forces and clears flags") {
    const kernel k61 = named("6.1"), k612 = named("6.12"), k73 = named("7.3");
    constexpr std::uint64_t recovery = uapi::f_user_recovery | uapi::f_user_recovery_reissue;
    CHECK(flags_after_add(k61, recovery | uapi::f_supp_zero_copy, true) ==
          (recovery | uapi::f_uring_cmd_comp_in_task));
    kernel built_in = k61;
    built_in.modular = false;
    CHECK(flags_after_add(built_in, uapi::f_need_get_data, true) == uapi::f_need_get_data);
    constexpr std::uint64_t forced_6_12 = uapi::f_cmd_ioctl_encode | uapi::f_uring_cmd_comp_in_task;
    CHECK(flags_after_add(k612, ~0ull & ~uapi::f_unprivileged_dev, true) ==
          (forced_6_12 | recovery | uapi::f_user_copy | uapi::f_zoned));
    CHECK(flags_after_add(k612, uapi::f_need_get_data, true) ==
          (forced_6_12 | uapi::f_need_get_data));
    constexpr std::uint64_t forced =
        forced_6_12 | uapi::f_per_io_daemon | uapi::f_buf_reg_off_daemon | uapi::f_safe_stop_dev;
    CHECK(flags_after_add(k73, 0, true) == forced);
    CHECK(flags_after_add(k73, 1ull << 40, true) == forced);
    CHECK(flags_after_add(k73, uapi::f_unprivileged_dev, true) == forced);
    CHECK(flags_after_add(k73, uapi::f_unprivileged_dev | recovery | uapi::f_quiesce, false) ==
          (forced | uapi::f_unprivileged_dev | uapi::f_quiesce));
    CHECK(flags_after_add(k73, uapi::f_batch_io | uapi::f_need_get_data, true) ==
          ((forced & ~uapi::f_per_io_daemon) | uapi::f_batch_io));
    CHECK(flags_after_add(k73, uapi::f_auto_buf_reg | uapi::f_need_get_data, true) ==
          (forced | uapi::f_auto_buf_reg));
}

TEST_CASE("a commit's result means what the kernel makes of it") {
    using enum outcome::kind;
    using uapi::op;
    const kernel before = named("6.12"), after = named("7.3");
    const outcome whole = {success, 4096, 0};
    for (const kernel& k : {before, after}) {
        CHECK(outcome_of(k, op::read, true, 4096, 0) == outcome{failure, 0, EIO});
        CHECK(outcome_of(k, op::read, false, 4096, 0) == outcome{failure, 0, EIO});
        CHECK(outcome_of(k, op::read, true, 4096, 512) == outcome{remainder, 512, 0});
        CHECK(outcome_of(k, op::read, true, 4096, 4096) == whole);
        CHECK(outcome_of(k, op::write, true, 4096, 8192) == whole);
        CHECK(outcome_of(k, op::write, true, 4096, -ENOSPC) == outcome{failure, 0, ENOSPC});
        CHECK(outcome_of(k, op::write, true, 4096, -EPERM) == outcome{failure, 0, EIO});
        CHECK(outcome_of(k, op::flush, true, 0, 0) == outcome{success, 0, 0});
        CHECK(outcome_of(k, op::discard, true, 4096, 0) == whole);
    }
    CHECK(outcome_of(before, op::read, false, 4096, 512) == outcome{remainder, 512, 0});
    CHECK(outcome_of(before, op::write, true, 4096, 512) == outcome{remainder, 512, 0});
    CHECK(outcome_of(before, op::write, true, 4096, 0) == outcome{again, 0, 0});
    CHECK(outcome_of(after, op::read, false, 4096, 512) == whole);
    CHECK(outcome_of(after, op::write, true, 4096, 512) == whole);
    CHECK(outcome_of(after, op::write, false, 4096, 0) == whole);
}
