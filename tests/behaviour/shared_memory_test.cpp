// SPDX-License-Identifier: MIT
// Requests whose data lies in memory that a client shares with the server: nobody copies it, and
// what lies elsewhere goes as ever.
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

constexpr std::size_t disk_bytes = 1 << 20;
constexpr std::size_t shared_bytes = 64 << 10;

// The client's and the server's: on the twin they have one address space.
struct memory {
    std::span<std::byte> bytes;
    memory()
        : bytes(static_cast<std::byte*>(::mmap(nullptr, shared_bytes, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
                shared_bytes) {}
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() { ::munmap(bytes.data(), bytes.size()); }
};

std::unique_ptr<device::implementation> serve(twin_machine& m, target t, delivery d) {
    auto started = device::implementation::start(
        m, std::move(t),
        {.depth = 8, .max_io = 64 * 1024, .lane = lane::shared_memory, .delivery = d});
    REQUIRE(started);
    return std::move(*started);
}

int transfer(twin_machine& m, uapi::op op, std::uint64_t at, std::span<std::byte> where) {
    block_request r{.op = op,
                    .sector = at / 512,
                    .sectors = static_cast<std::uint32_t>(where.size() / 512),
                    .where = where.data()};
    return m.perform(0, r);
}

std::uint64_t copied(const device::implementation& d) { return d.counters()[0].bytes_copied; }

}  // namespace

TEST_CASE("what lies in shared memory is read and written there, and not copied to a buffer") {
    for (const delivery how : {delivery::by_tag, delivery::in_batches}) {
        twin_machine m;
        if (!m.has(uapi::f_shmem_zc)) return;
        const test::ram object(disk_bytes);
        auto d = serve(m, target(object), how);
        memory first, second, other;
        auto a = d->share(first.bytes);
        auto b = d->share(second.bytes);
        REQUIRE(a);
        REQUIRE(b);
        CHECK(*a != *b);
        std::ranges::fill(first.bytes, std::byte{5});
        std::ranges::fill(second.bytes, std::byte{6});
        CHECK(transfer(m, uapi::op::write, 0, first.bytes.subspan(8192, 8192)) == 8192);
        CHECK(transfer(m, uapi::op::write, 8192, second.bytes.first(4096)) == 4096);
        CHECK(copied(*d) == 0);
        CHECK((*object.bytes)[8191] == std::byte{5});
        CHECK((*object.bytes)[8192] == std::byte{6});
        CHECK(transfer(m, uapi::op::read, 8192, first.bytes.last(4096)) == 4096);
        CHECK(first.bytes.back() == std::byte{6});
        CHECK(copied(*d) == 0);
        // Elsewhere, and no more in it.
        CHECK(transfer(m, uapi::op::read, 0, other.bytes.first(4096)) == 4096);
        CHECK(other.bytes.front() == std::byte{5});
        CHECK(copied(*d) == 4096);
        auto back = d->unshare(*a);
        REQUIRE(back);
        CHECK(back->data() == first.bytes.data());
        CHECK(transfer(m, uapi::op::read, 0, first.bytes.first(4096)) == 4096);
        CHECK(copied(*d) == 8192);
        CHECK(transfer(m, uapi::op::read, 0, second.bytes.first(4096)) == 4096);
        CHECK(copied(*d) == 8192);
        CHECK(!d->unshare(*a));
        d.reset();
        CHECK(m.leaks() == "");
    }
}

TEST_CASE("memory is shared while the disk is in use") {
    twin_machine m;
    if (!m.has(uapi::f_shmem_zc)) return;
    auto d = serve(m, target(test::ram(disk_bytes)), delivery::automatic);
    memory mine;
    bool over = false;
    auto load = m.server().start_thread("load", {}, [&] {
        for (unsigned round = 0; round < 60; ++round) {
            const auto part = mine.bytes.subspan(round % 8 * 8192, 4096);
            std::ranges::fill(part, std::byte(round + 1));
            CHECK(transfer(m, uapi::op::write, round % 8 * 4096, part) == 4096);
            std::ranges::fill(part, std::byte{0});
            CHECK(transfer(m, uapi::op::read, round % 8 * 4096, part) == 4096);
            CHECK(part.back() == std::byte(round + 1));
        }
        over = true;
    });
    REQUIRE(load);
    for (unsigned times = 0; times < 5; ++times) {
        auto index = d->share(mine.bytes);
        REQUIRE(index);
        m.pass_time();
        REQUIRE(d->unshare(*index));
    }
    load->reset();
    CHECK(over);
    CHECK(d->counters()[0].failed == 0);
    d.reset();
    CHECK(m.leaks() == "");
}

TEST_CASE("memory is shared with devices that were made for it, and no others") {
    twin_machine m;
    set_log_sink([](level, std::string_view) {});
    memory mine;
    auto d = device::implementation::start(m, target(test::ram(disk_bytes)), {});
    REQUIRE(d);
    auto refused = (*d)->share(mine.bytes);
    REQUIRE(!refused);
    CHECK(refused.error().code == EOPNOTSUPP);
    CHECK(refused.error().remedy.find("shared-memory") != std::string::npos);
    d->reset();
    for (const recovery mode : {recovery::wait, recovery::reissue}) {
        auto lasting = device::implementation::start(
            m, target(test::ram(disk_bytes)), {.recovery = mode, .lane = lane::shared_memory});
        CHECK(!lasting);
    }
    if (m.has(uapi::f_shmem_zc)) {
        auto s = serve(m, target(test::ram(disk_bytes)), delivery::automatic);
        CHECK(!s->share(mine.bytes.first(512)));
        s.reset();
    }
    CHECK(m.leaks() == "");
    set_log_sink({});
}
