// SPDX-License-Identifier: MIT
// Errors of control commands, on a kernel in memory: each names the rule, the value and a remedy.
#include "control/control.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using test::twin_machine;

namespace {

constexpr uapi::ctrl_dev_info small = {
    .nr_hw_queues = 1, .queue_depth = 4, .max_io_buf_bytes = 4096, .dev_id = uapi::device_id_auto};

uapi::params small_params() {
    uapi::params p{.types = uapi::param_type_basic};
    p.basic = {.logical_bs_shift = 9,
               .physical_bs_shift = 12,
               .io_opt_shift = 12,
               .io_min_shift = 9,
               .max_sectors = 8,
               .dev_sectors = 2048};
    return p;
}

template <class T>
void names(const result<T>& r, std::string_view rule, std::string_view value, int code) {
    REQUIRE(!r);
    INFO(r.error().text());
    CHECK(r.error().rule == rule);
    CHECK(r.error().code == code);
    CHECK(r.error().why.find(value) != std::string::npos);
    CHECK(r.error().why.find("rule " + std::string(rule)) != std::string::npos);
    CHECK(!r.error().remedy.empty());
}

}  // namespace

TEST_SUITE("twin") {
    TEST_CASE("a refused command names the rule that it broke, with the value") {
        twin_machine m("7.3");
        auto opened = control::control::open(m, false);
        REQUIRE(opened);
        control::control& c = **opened;

        uapi::ctrl_dev_info wished = small;
        wished.queue_depth = 5000;
        names(c.add(wished), "ADD-4", "queue_depth is 5000", EINVAL);
        wished = small;
        wished.flags = uapi::f_quiesce;
        names(c.add(wished), "ADD-7", "QUIESCE", EINVAL);
        wished.queue_depth = 1;
        wished.flags = uapi::f_batch_io;
        names(c.add(wished), "ADD-19", "at least 2 tags", EINVAL);
        names(c.info(7), "D-5", "no such ublk device: dev_id is 7", ENODEV);

        auto made = c.add(small);
        REQUIRE(made);
        const std::uint32_t id = made->dev_id;
        wished = small;
        wished.dev_id = id;
        names(c.add(wished), "ADD-17", "this id is taken", EEXIST);
        names(c.queue_affinity(id, 3), "AFF-4", "data[0] is 3", EINVAL);
        names(c.start_recovery(id), "SREC-1", "flags are", EINVAL);

        uapi::params params = small_params();
        params.basic.logical_bs_shift = 8;
        names(c.set_params(id, params), "PAR-2", "logical_bs_shift is 8", EINVAL);
        names(c.start(id, 0), "START-1", "data[0] is 0", EINVAL);
        REQUIRE(c.set_params(id, small_params()));
        names(c.try_stop(id), "TRY-1", "state is DEAD", ENODEV);
        CHECK(c.remove(id));
    }

    TEST_CASE("a command that does not come back is told with what it waits for") {
        twin_machine m("7.3");
        auto opened = control::control::open(m, false);
        REQUIRE(opened);
        auto made = (*opened)->add(small);
        REQUIRE(made);
        REQUIRE((*opened)->set_params(made->dev_id, small_params()));
        auto started = (*opened)->start(made->dev_id, 1, control::second_ns / 100);
        names(started, "START-4", "not all requests were fetched", ETIMEDOUT);
        CHECK(started.error().remedy.find("ashlar why 0") != std::string::npos);
        CHECK((*opened)->remove(made->dev_id));
    }

    TEST_CASE("a kernel that lacks a command says so by its rule") {
        twin_machine m("6.12");
        auto opened = control::control::open(m, false);
        REQUIRE(opened);
        auto made = (*opened)->add(small);
        REQUIRE(made);
        names((*opened)->try_stop(made->dev_id), "D-7", "TRY_STOP_DEV", EOPNOTSUPP);
        CHECK((*opened)->remove(made->dev_id));
    }
}
