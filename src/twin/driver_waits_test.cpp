// SPDX-License-Identifier: MIT
// The ublk driver of the twin: what waits for what, rounds of fetching, hand-overs, and devices
// without privileges.
#include "support/raw_server.hpp"
#include "twin/driver.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

using namespace ashlar;
using namespace ashlar::testing;
using twin::kernel;

namespace {

std::uint64_t pid_of(const raw_server& s) { return static_cast<std::uint64_t>(s.process.pid()); }

bool ended(raw_server& s, std::uint64_t name) {
    settle(s.kernel);
    s.control_ring.enter();
    return s.control_ring.take(name).has_value();
}

void set_up(raw_server& s) {
    REQUIRE(s.add() == 0);
    REQUIRE(s.set_params() == 0);
    REQUIRE(s.open() == 0);
    REQUIRE(s.map() == 0);
}

// Has one request in the server's hands, and gives its tag.
std::uint16_t hold_one(raw_server& s, user_io& io) {
    std::uint16_t tag = 0;
    s.handler = [&](auto&, auto, auto t) {
        tag = t;
        return -EINPROGRESS;
    };
    io.submit();
    const std::size_t before = s.seen.size();
    s.serve_until([&] { return s.seen.size() > before; });
    return tag;
}

constexpr std::uint64_t handed_over = uapi::f_user_recovery | uapi::f_quiesce;

}  // namespace

TEST_CASE("QUIESCE_DEV: a hand-over from one server to the next") {
    for (const char* version : {"6.18", "7.0", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = handed_over});
        s.begin();
        user_io held(k, s.id, uapi::op::read, 0, 8);
        const std::uint16_t tag = hold_one(s, held);
        CHECK(s.control(uapi::ctrl_op::quiesce_dev, std::uint64_t{1000}) == 0);
        s.serve();
        CHECK(s.aborted == 3);
        // What comes now waits; what the server has it may end.
        user_io parked(k, s.id, uapi::op::read, 8, 8);
        parked.submit();
        s.commit(0, tag, 4096);
        s.serve();
        settle(k);
        CHECK(held.done());
        CHECK_FALSE(parked.done());
        CHECK(s.device().state == 1);
        s.close();
        settle(k);
        CHECK(s.device().state == 2);
        raw_server next(k, s.options);
        next.recover(s);
        next.serve_until([&] { return parked.done(); });
        CHECK(parked.error() == 0);
    }
}

TEST_CASE("QUIESCE_DEV of a device that can't, or that does not live") {
    kernel k(quiet("7.3"));
    raw_server s(k), can(k, {.flags = handed_over});
    REQUIRE(s.add() == 0);
    CHECK(s.control(uapi::ctrl_op::quiesce_dev) == -EOPNOTSUPP);
    REQUIRE(can.add() == 0);
    CHECK(can.control(uapi::ctrl_op::quiesce_dev) == -ENODEV);
}

TEST_CASE("a round that ends before START_DEV: from 7.3 on it begins anew") {
    for (const char* version : {"6.12", "6.18", "7.0", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k);
        set_up(s);
        s.fetch_all();
        s.kill();
        settle(k);
        raw_server next(k, s.options);
        next.id = s.id;
        next.info = s.info;
        REQUIRE(next.open() == 0);
        next.fetch_all();
        next.ring.enter();
        if (k.version().at_least(7, 3)) {
            CHECK_FALSE(next.ring.take().has_value());
            REQUIRE(next.map() == 0);
            CHECK(next.control(uapi::ctrl_op::start_dev, pid_of(next)) == 0);
            user_io read(k, s.id, uapi::op::read, 0, 8);
            CHECK(read.run(next) == 0);
            continue;
        }
        for (int tag = 0; tag < 4; ++tag) {
            const auto c = next.ring.take();
            REQUIRE(c.has_value());
            CHECK((c->result == -EBUSY || c->result == -EINVAL));
        }
        // The wait is for something that stays: it passes, with nobody there.
        CHECK(next.control(uapi::ctrl_op::start_dev, pid_of(next)) == 0);
        user_io read(k, s.id, uapi::op::read, 0, 8);
        read.submit();
        settle(k);
        CHECK(read.error() == -EIO);
    }
}

TEST_CASE("the end of one thread's commands: the whole device is cancelled") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_user_recovery, .queues = 2, .depth = 1});
    REQUIRE(s.add() == 0);
    REQUIRE(s.set_params() == 0);
    REQUIRE(s.open() == 0);
    for (std::uint16_t q = 0; q < 2; ++q) REQUIRE(s.map(q) == 0);
    raw_ring second(s.process, false);
    auto& e = second.entry(s.fd, uapi::encoded(uapi::io_op::fetch_req), 1);
    const uapi::io_cmd command{.q_id = 1, .addr = reinterpret_cast<std::uintptr_t>(s.buffer(1, 0))};
    std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
    second.enter();
    s.fetch(0, 0);
    s.ring.enter();
    REQUIRE(s.control(uapi::ctrl_op::start_dev, pid_of(s)) == 0);
    second.close();
    // The other queue's requests wait for another server, too.
    user_io read(k, s.id, uapi::op::read, 0, 8);
    read.submit();
    settle(k);
    CHECK_FALSE(s.serve());
    CHECK_FALSE(read.done());
    s.kill();
    settle(k);
    raw_server next(k, s.options);
    next.recover(s);
    next.serve_until([&] { return read.done(); });
    CHECK(read.error() == 0);
}

TEST_CASE("START_DEV again after STOP_DEV, with a new round") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    s.begin();
    s.send(uapi::ctrl_op::stop_dev, {}, 5);
    CHECK(ended(s, 5));
    s.serve();
    CHECK(s.aborted == 4);
    // Until ublkcN was closed the round is over.
    s.fetch(0, 0);
    s.ring.enter();
    CHECK(s.ring.take()->result == -ENODEV);
    CHECK(s.control(uapi::ctrl_op::start_dev, pid_of(s)) == -EBUSY);
    s.close();
    settle(k);
    raw_server next(k, s.options);
    next.id = s.id;
    next.info = s.info;
    REQUIRE(next.open() == 0);
    REQUIRE(next.map() == 0);
    next.fetch_all();
    CHECK(next.control(uapi::ctrl_op::start_dev, pid_of(next)) == 0);
    user_io read(k, s.id, uapi::op::read, 0, 8);
    CHECK(read.run(next) == 0);
}

TEST_CASE("FETCH_REQ waits for the device's mutex within the submission") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_user_recovery});
    s.begin();
    user_io held(k, s.id, uapi::op::read, 0, 8);
    const std::uint16_t tag = hold_one(s, held);
    s.send(uapi::ctrl_op::stop_dev, {}, 5);
    CHECK_FALSE(ended(s, 5));
    s.fetch(0, static_cast<std::uint16_t>(tag ^ 1));
    CHECK_THROWS_AS(s.ring.enter(), twin::standstill);
    CHECK(k.ublk().describe(s.id).find("its mutex is held") != std::string::npos);
}

TEST_CASE("a STOP_DEV that waits ends when the server dies") {
    for (const char* version : {"6.12", "6.18", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = uapi::f_user_recovery}), other(k);
        other.id = 0;
        s.begin();
        user_io held(k, s.id, uapi::op::read, 0, 8);
        hold_one(s, held);
        other.send(uapi::ctrl_op::stop_dev, {}, 5);
        CHECK_FALSE(ended(other, 5));
        s.kill();
        settle(k, 100000);
        other.control_ring.enter();
        CHECK(other.control_ring.take(5)->result == 0);
        CHECK(held.error() == -EIO);
    }
}

TEST_CASE("shared memory waits for what is under way") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_shmem_zc});
    s.begin();
    user_io held(k, s.id, uapi::op::read, 0, 8);
    const std::uint16_t tag = hold_one(s, held);
    void* memory =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uapi::shmem_buf_reg buffer{.addr = reinterpret_cast<std::uintptr_t>(memory), .len = 4096};
    s.send(uapi::ctrl_op::reg_buf,
           {.len = sizeof buffer, .addr = reinterpret_cast<std::uintptr_t>(&buffer)}, 5);
    CHECK_FALSE(ended(s, 5));
    s.commit(0, tag, 4096);
    s.serve();
    CHECK(ended(s, 5));
    ::munmap(memory, 4096);
}

TEST_CASE("UPDATE_SIZE without a disk would end an old kernel") {
    for (const char* version : {"6.18", "7.3"}) {
        kernel k(quiet(version));
        raw_server s(k);
        REQUIRE(s.add() == 0);
        CHECK(s.control(uapi::ctrl_op::update_size, std::uint64_t{8}) == -ENODEV);
        CHECK(k.accusations().empty() == k.version().at_least(7, 3));
    }
}

TEST_CASE("one file at a time, and descriptors that can't be written") {
    kernel k(quiet("7.3"));
    raw_server s(k), other(k);
    REQUIRE(s.add() == 0);
    REQUIRE(s.open() == 0);
    CHECK(other.process.call_open("/dev/ublkc0", O_RDWR) == -EBUSY);
    CHECK(other.process.call_open("/dev/ublkc1", O_RDWR) == -ENOENT);
    std::span<const std::byte> at;
    const int both = PROT_READ | PROT_WRITE;
    CHECK(s.process.call_map(s.fd, 4096, 0, both, MAP_SHARED, at) == -EPERM);
    CHECK(s.process.call_map(s.fd, 8192, 0, PROT_READ, MAP_SHARED, at) == -EINVAL);
    CHECK(s.process.call_map(s.fd, 4096, 0x18000, PROT_READ, MAP_SHARED, at) == -EINVAL);
    CHECK(s.process.call_map(s.fd, 4096, 0x1000, PROT_READ, MAP_SHARED, at) == 0);
    s.process.unmap(at);
}

TEST_CASE("a device without privileges: a path with each command, and 30 seconds a request") {
    for (const char* version : {"6.5", "6.12", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = uapi::f_unprivileged_dev | uapi::f_user_recovery},
                     {.uid = 1000, .gid = 1000});
        s.process.drop_admin();  // somebody gave it the control device
        REQUIRE(s.add() == 0);
        CHECK((s.info.flags & uapi::f_user_recovery) == 0);
        CHECK((s.info.flags & uapi::f_unprivileged_dev) != 0);
        CHECK(s.info.owner_uid == 1000);
        CHECK(s.set_params() == -EINVAL);
        s.sends_path = true;
        CHECK(s.set_params() == 0);
        REQUIRE(s.open() == 0);
        REQUIRE(s.map() == 0);
        s.fetch_all();
        REQUIRE(s.control(uapi::ctrl_op::start_dev, pid_of(s)) == 0);
        twin::disk& d = *k.blocks().find(s.id);
        CHECK(k.blocks().open(d, false, 1001, 1000, false) == -EPERM);
        CHECK(k.blocks().open(d, false, 1000, 1000, false) == 0);
        k.blocks().close(d, false);
        const std::uint64_t begin = k.exec().now();
        user_io held(k, s.id, uapi::op::read, 0, 8);
        hold_one(s, held);
        settle(k, 100000);
        CHECK_FALSE(s.process.alive());
        CHECK(k.exec().now() - begin >= 30'000'000'000);
        CHECK(held.error() == -EIO);
    }
}

TEST_CASE("a request may take as long as it likes with privileges") {
    kernel k(quiet("7.3"));
    raw_server s(k);
    s.begin();
    user_io held(k, s.id, uapi::op::read, 0, 8);
    const std::uint16_t tag = hold_one(s, held);
    k.exec().at(k.exec().now() + 100'000'000'000, {.run = [](void*, std::uint64_t) {}});
    settle(k, 100000);
    CHECK(s.process.alive());
    s.commit(0, tag, 4096);
    s.serve_until([&] { return held.done(); });
    CHECK(held.error() == 0);
}

TEST_CASE("before 6.7 the end of a thread is seen, with every tag in its hands and the file open") {
    for (const char* version : {"6.1", "6.5"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = uapi::f_user_recovery, .depth = 1});
        s.begin();
        user_io held(k, s.id, uapi::op::read, 0, 8);
        hold_one(s, held);
        const std::uint64_t begin = k.exec().now();
        s.process.thread_ended(k.exec().current());
        settle(k, 100000);
        CHECK(held.error() == -EIO);
        CHECK(s.device().state == static_cast<std::uint16_t>(uapi::device_state::quiesced));
        CHECK(k.exec().now() - begin <= 6'000'000'000);
    }
}
