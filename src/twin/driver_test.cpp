// SPDX-License-Identifier: MIT
// The ublk driver of the twin: a device's life, by raw commands, on every kernel.
#include "twin/driver.hpp"

#include "support/raw_io.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

using namespace ashlar;
using namespace ashlar::testing;
using twin::kernel;

namespace {

const char* const all_kernels[] = {"6.1", "6.5", "6.8", "6.12", "6.18", "7.0", "7.3"};

void end(raw_server& s) {
    CHECK(s.control_while_serving(uapi::ctrl_op::stop_dev) == 0);
    s.close();
    settle(s.kernel);
    CHECK(s.control(uapi::ctrl_op::del_dev) == 0);
    CHECK(s.kernel.ublk().leaks().empty());
    CHECK(s.kernel.accusations().empty());
}

}  // namespace

TEST_CASE("a device lives from ADD_DEV to DEL_DEV on every kernel") {
    for (const char* version : all_kernels) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.queues = 2});
        s.begin();
        CHECK(s.id == 0);
        CHECK(s.device().state == 1);
        CHECK(k.ublk().has_block(0));
        write_and_read(k, s, 8, 40);  // more than one request
        end(s);
        CHECK_FALSE(k.ublk().has_char(0));
    }
}

TEST_CASE("a device works under every order of things") {
    for (const char* version : all_kernels) {
        for (std::uint64_t seed = 1; seed < 6; ++seed) {
            CAPTURE(version);
            CAPTURE(seed);
            twin::kernel_options o = quiet(version, seed);
            o.manner = {.interrupts = false};
            kernel k(o);
            raw_server s(k, {.queues = 2, .attributes = uapi::attr_volatile_cache});
            s.begin();
            for (std::uint64_t n = 0; n < 20; ++n) write_and_read(k, s, n * 32, 24 + n);
            user_io flush(k, s.id, uapi::op::flush, 0, 0);
            CHECK(flush.run(s) == 0);
            end(s);
        }
    }
}

TEST_CASE("START_DEV waits for every tag, and can be taken back") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    REQUIRE(s.add() == 0);
    REQUIRE(s.set_params() == 0);
    REQUIRE(s.open() == 0);
    for (std::uint16_t tag = 0; tag < 3; ++tag) s.fetch(0, tag);
    s.ring.enter();
    s.send(uapi::ctrl_op::start_dev, {.data = {static_cast<std::uint64_t>(s.process.pid())}}, 7);
    settle(k);
    s.control_ring.enter();
    CHECK_FALSE(s.control_ring.take(7).has_value());
    auto& e = s.control_ring.entry(-1, 0, 8);
    e.opcode = IORING_OP_ASYNC_CANCEL;
    e.addr = 7;
    s.control_ring.enter(2);
    CHECK(s.control_ring.take(7)->result == -EINTR);
    CHECK(s.control_ring.take(8)->result == -EALREADY);
    // With the last tag it goes at once.
    s.fetch(0, 3);
    s.ring.enter();
    CHECK(s.control(uapi::ctrl_op::start_dev, static_cast<std::uint64_t>(s.process.pid())) == 0);
    end(s);
}

TEST_CASE("what refuses START_DEV") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    REQUIRE(s.add() == 0);
    CHECK(s.control(uapi::ctrl_op::start_dev, std::uint64_t{0}) == -EINVAL);
    CHECK(s.control(uapi::ctrl_op::start_dev, std::uint64_t{1}) == -EINVAL);  // no params
    REQUIRE(s.set_params() == 0);
    REQUIRE(s.open() == 0);
    s.fetch_all();
    CHECK(s.control(uapi::ctrl_op::start_dev, std::uint64_t{1}) == -EINVAL);  // another's pid
    const auto pid = static_cast<std::uint64_t>(s.process.pid());
    CHECK(s.control(uapi::ctrl_op::start_dev, pid) == 0);
    CHECK(s.control(uapi::ctrl_op::start_dev, pid) == -EEXIST);
}

TEST_CASE("DEL_DEV waits for the last reference: a mapping is one") {
    for (const char* version : {"6.1", "6.12", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k);
        s.begin();
        REQUIRE(s.control_while_serving(uapi::ctrl_op::stop_dev) == 0);
        auto kept = s.descriptors;
        s.descriptors.assign(1, {});
        s.close();
        settle(k);
        s.send(uapi::ctrl_op::del_dev, {}, 7);
        settle(k);
        CHECK_FALSE(k.ublk().has_char(s.id));
        CHECK(k.ublk().ids().size() == 1);
        // Another device: before 6.9 the wait blocks all of them.
        raw_server other(k);
        uapi::ctrl_dev_info info{.nr_hw_queues = 1,
                                 .queue_depth = 1,
                                 .max_io_buf_bytes = 4096,
                                 .dev_id = uapi::device_id_auto};
        other.send(uapi::ctrl_op::add_dev,
                   {.dev_id = uapi::device_id_auto,
                    .len = sizeof info,
                    .addr = reinterpret_cast<std::uintptr_t>(&info)},
                   9);
        settle(k);
        other.control_ring.enter();
        CHECK(other.control_ring.take(9).has_value() == k.version().at_least(6, 9));
        s.process.unmap(kept[0]);
        s.control_ring.enter(1);
        CHECK(s.control_ring.take(7)->result == 0);
        settle(k);
        CHECK(k.ublk().ids().size() == 1);  // the other one
        CHECK(info.dev_id == (k.version().at_least(6, 9) ? 1 : 0));
    }
}

TEST_CASE("DEL_DEV_ASYNC does not wait, and the id is free only with the last reference") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    s.begin();
    CHECK(s.control_while_serving(uapi::ctrl_op::del_dev_async) == 0);
    raw_server second(k);
    REQUIRE(second.add() == 0);
    CHECK(second.id == 1);
    s.close();
    settle(k);
    raw_server third(k);
    REQUIRE(third.add() == 0);
    CHECK(third.id == 0);
}

TEST_CASE("STOP_DEV waits for requests in the server's hands") {
    for (const std::uint64_t flags : {std::uint64_t{0}, uapi::f_user_recovery}) {
        kernel k(quiet("7.3"));
        raw_server s(k, {.flags = flags});
        s.begin();
        std::uint16_t tag = 0;
        s.handler = [&](auto&, auto, auto t) {
            tag = t;
            return -EINPROGRESS;
        };
        user_io read(k, s.id, uapi::op::read, 0, 8);
        read.submit();
        s.serve_until([&] { return !s.seen.empty(); });
        s.send(uapi::ctrl_op::stop_dev, {}, 7);
        settle(k);
        s.control_ring.enter();
        CHECK_FALSE(s.control_ring.take(7).has_value());
        s.commit(0, tag, 4096);
        s.serve_until([&] {
            s.control_ring.enter();
            return s.control_ring.take(7).has_value();
        });
        CHECK(read.done());
        s.serve();
        CHECK(s.aborted == 4);
    }
}

TEST_CASE("a killed server: what becomes of its requests, by mode") {
    struct mode {
        std::uint64_t flags;
        int owned, later;  // errors; 1: it waits for the next server
        uapi::device_state state;
    };
    const mode modes[] = {
        {0, -EIO, -EIO, uapi::device_state::dead},
        {uapi::f_user_recovery, -EIO, 1, uapi::device_state::quiesced},
        {uapi::f_user_recovery | uapi::f_user_recovery_reissue, 1, 1, uapi::device_state::quiesced},
        {uapi::f_user_recovery | uapi::f_user_recovery_fail_io, -EIO, -EREMOTEIO,
         uapi::device_state::fail_io},
    };
    for (const char* version : all_kernels) {
        for (const mode& m : modes) {
            const auto v = rules::kernel_named(version);
            if ((m.flags & ~v->features()) != 0) continue;
            CAPTURE(version);
            CAPTURE(m.flags);
            kernel k(quiet(version));
            raw_server s(k, {.flags = m.flags});
            s.begin();
            write_and_read(k, s, 0, 8);
            s.handler = [](auto&, auto, auto) { return -EINPROGRESS; };
            const std::size_t before = s.seen.size();
            user_io owned(k, s.id, uapi::op::read, 0, 8);
            owned.submit();
            s.serve_until([&] { return s.seen.size() > before; });
            s.kill();
            raw_server next(k);
            next.id = s.id;
            settle(k, 100000);
            CHECK(next.device().state == static_cast<std::uint16_t>(m.state));
            CHECK(owned.done() == (m.owned != 1));
            if (owned.done()) CHECK(owned.error() == m.owned);
            if (m.flags == 0) {
                CHECK_FALSE(k.ublk().has_block(s.id));
                continue;
            }
            user_io later(k, s.id, uapi::op::read, 0, 8);
            later.submit();
            settle(k, 100000);
            CHECK(later.done() == (m.later != 1));
            if (later.done()) CHECK(later.error() == m.later);
            next.options = s.options;
            next.recover(s);
            next.serve_until([&] { return owned.done() && later.done(); });
            write_and_read(k, next, 16, 8);
            end(next);
        }
    }
}
