// SPDX-License-Identifier: MIT
// The ways of data between the twin's driver and a server.
#include "support/raw_io.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

using namespace ashlar;
using namespace ashlar::testing;
using twin::kernel;

namespace {

io_uring_sqe& io_entry(raw_server& s, uapi::io_op op, const uapi::io_cmd& command,
                       std::uint64_t name) {
    auto& e = s.ring.entry(s.fd, uapi::encoded(op), name);
    std::memcpy(static_cast<void*>(e.cmd), &command, sizeof command);
    return e;
}

int io_result(raw_server& s, uapi::io_op op, const uapi::io_cmd& command) {
    constexpr std::uint64_t name = 0x77777777;
    io_entry(s, op, command, name);
    s.ring.enter();
    const auto c = s.ring.take(name);
    REQUIRE(c.has_value());
    return c->result;
}

void make_table(raw_server& s, unsigned entries) {
    io_uring_rsrc_register table{.nr = entries, .flags = 1};
    REQUIRE(s.process.ring_register(s.ring.raw(), IORING_REGISTER_BUFFERS2, &table, sizeof table) ==
            0);
}

}  // namespace

TEST_CASE("a server that chooses a buffer when it knows the write") {
    for (const char* version : {"6.1", "6.5", "6.12", "6.18", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = uapi::f_need_get_data, .attributes = uapi::attr_volatile_cache});
        s.begin();
        write_and_read(k, s, 8, 24);
        user_io flush(k, s.id, uapi::op::flush, 0, 0);
        CHECK(flush.run(s) == 0);
        CHECK(k.accusations().empty());
    }
}

TEST_CASE("user copy") {
    for (const char* version : {"6.5", "6.12", "7.0", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k, {.flags = uapi::f_user_copy, .queues = 2});
        s.begin();
        write_and_read(k, s, 8, 24);
        // The wrong way, and a tag that is not the server's.
        std::byte memory[512];
        CHECK(s.process.call_pread(s.fd, memory, uapi::user_copy_position(0, 0, 0)) == -EINVAL);
        int wrong = 0;
        s.handler = [&](const uapi::io_desc&, auto q, auto tag) {
            wrong = static_cast<int>(
                s.process.call_pread(s.fd, memory, uapi::user_copy_position(q, tag, 0)));
            return 512;
        };
        user_io read(k, s.id, uapi::op::read, 0, 1);
        CHECK(read.run(s) == 0);
        CHECK(wrong == -EACCES);
    }
}

TEST_CASE("zero copy: a request ends with its commit and the end of its registration") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_supp_zero_copy});
    s.begin();
    make_table(s, 8);
    std::uint16_t tag = 0;
    s.handler = [&](auto&, auto, auto t) {
        tag = t;
        return -EINPROGRESS;
    };
    user_io write(k, s.id, uapi::op::write, 0, 8);
    fill(write.data, 3);
    write.submit();
    s.serve_until([&] { return !s.seen.empty(); });
    CHECK(io_result(s, uapi::io_op::register_io_buf, {.tag = tag, .addr = 99}) == -EINVAL);
    CHECK(io_result(s, uapi::io_op::register_io_buf, {.tag = tag, .addr = 5}) == 0);
    CHECK(io_result(s, uapi::io_op::register_io_buf, {.tag = tag, .addr = 5}) == -EBUSY);
    // Its data goes to a file.
    k.make_file("/disk", 1 << 20);
    const int file = s.process.call_open("/disk", O_RDWR);
    auto& e = s.ring.entry(file, 0, 12);
    e.opcode = IORING_OP_WRITE_FIXED;
    e.off = 4096;
    e.len = 4096;
    e.buf_index = 5;
    s.ring.enter(1);
    CHECK(s.ring.take(12)->result == 4096);
    CHECK(std::ranges::equal(k.find_file("/disk")->content().subspan(4096, 4096), write.data));
    s.commit(0, tag, 4096);
    s.ring.enter();
    settle(k);
    CHECK_FALSE(write.done());
    CHECK(io_result(s, uapi::io_op::unregister_io_buf, {.tag = tag, .addr = 5}) == 0);
    settle(k);
    CHECK(write.done());
    CHECK(write.error() == 0);
    CHECK(io_result(s, uapi::io_op::unregister_io_buf, {.tag = tag, .addr = 5}) == -EINVAL);
}

TEST_CASE("automatic registration, and what becomes of a request for which there is no place") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_auto_buf_reg, .depth = 2});
    s.begin();
    // Without a table the registration fails, and the server never hears of it.
    user_io lost(k, s.id, uapi::op::write, 0, 8);
    CHECK(lost.run(s) == -EIO);
    CHECK(s.seen.empty());
    make_table(s, 2);
    k.make_file("/disk", 1 << 20);
    const int file = s.process.call_open("/disk", O_RDWR);
    unsigned ended = 0;
    s.handler = [&](const uapi::io_desc& d, auto q, auto tag) {
        CHECK((d.op_flags & uapi::io_f_need_reg_buf) == 0);
        auto& e = s.ring.entry(file, 0, 1 << 20);
        const bool reads = uapi::op_of(d.op_flags) == uapi::op::read;
        e.opcode = reads ? IORING_OP_READ_FIXED : IORING_OP_WRITE_FIXED;
        e.off = d.start_sector * 512;
        e.len = d.nr_sectors * 512;
        e.buf_index = tag;
        s.ring.enter();
        std::optional<completion> c;
        while (!(c = s.ring.take(1 << 20))) s.ring.enter(1);
        CHECK(c->result == static_cast<int>(d.nr_sectors * 512));
        ended += 1;
        s.commit(q, tag, c->result);
        return -EINPROGRESS;
    };
    write_and_read(k, s, 8, 40);
    CHECK(ended == 6);
    CHECK(k.accusations().empty());
}

TEST_CASE("with FALLBACK a request without a place comes all the same, and says so") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_auto_buf_reg | uapi::f_supp_zero_copy, .depth = 1});
    REQUIRE(s.add() == 0);
    REQUIRE(s.set_params() == 0);
    REQUIRE(s.open() == 0);
    REQUIRE(s.map() == 0);
    auto& e = io_entry(s, uapi::io_op::fetch_req, {}, 0);
    e.addr = uapi::sqe_addr({.index = 3, .flags = uapi::auto_buf_reg_fallback});
    s.ring.enter();
    REQUIRE(s.control(uapi::ctrl_op::start_dev, static_cast<std::uint64_t>(s.process.pid())) == 0);
    user_io write(k, s.id, uapi::op::write, 0, 8);
    CHECK(write.run(s) == 0);
    REQUIRE(s.seen.size() == 1);
    CHECK((s.seen[0].op_flags & uapi::io_f_need_reg_buf) != 0);
}

TEST_CASE("memory shared with a user is not copied") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_shmem_zc});
    s.begin();
    constexpr std::size_t bytes = 64 << 10;
    void* shared =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uapi::shmem_buf_reg buffer{.addr = reinterpret_cast<std::uintptr_t>(shared), .len = bytes};
    const uapi::ctrl_cmd command{.len = sizeof buffer,
                                 .addr = reinterpret_cast<std::uintptr_t>(&buffer)};
    CHECK(s.control(uapi::ctrl_op::reg_buf, command) == 0);
    CHECK(s.control(uapi::ctrl_op::reg_buf, command) == -EEXIST);
    bool done = false;
    twin::bio b{.op = uapi::op::write,
                .sector = 8,
                .sectors = 8,
                .data = static_cast<std::byte*>(shared) + 8192,
                .done = [](twin::bio& mine, int) { *static_cast<bool*>(mine.user) = true; },
                .user = &done};
    k.blocks().submit(*k.blocks().find(s.id), b);
    s.handler = [](const uapi::io_desc& d, auto, auto) {
        CHECK((d.op_flags & uapi::io_f_shmem_zc) != 0);
        CHECK(uapi::shmem_index(d.addr) == 0);
        CHECK(uapi::shmem_offset(d.addr) == 8192);
        return static_cast<int>(d.nr_sectors * 512);
    };
    s.serve_until([&] { return done; });
    CHECK(s.seen.size() == 1);
    CHECK(s.control(uapi::ctrl_op::unreg_buf, std::uint64_t{1}) == -ENOENT);
    CHECK(s.control(uapi::ctrl_op::unreg_buf, std::uint64_t{0}) == 0);
    ::munmap(shared, bytes);
}

TEST_CASE("wider descriptors") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.flags = uapi::f_io_desc_size, .queues = 2, .descriptor_bytes = 64});
    s.begin();
    CHECK(s.info.io_desc_size == 64);
    write_and_read(k, s, 8, 24);
}

TEST_CASE("what a server does by luck only is told") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.depth = 1});
    s.begin();
    write_and_read(k, s, 0, 8);
    CHECK(k.accusations().empty());
    SUBCASE("a buffer that is the kernel's is written to") {
        if (poisons) return;
        s.buffer(0, 0)[17] = std::byte{1};
        user_io read(k, s.id, uapi::op::read, 0, 8);
        CHECK(read.run(s) == 0);
    }
    SUBCASE("a commit without a request") {
        CHECK(io_result(s, uapi::io_op::commit_and_fetch_req,
                        {.result = 0, .addr = reinterpret_cast<std::uintptr_t>(s.buffer(0, 0))}) ==
              -EBUSY);
    }
    SUBCASE("a write is committed short") {
        s.handler = [](auto&, auto, auto) { return 512; };
        user_io write(k, s.id, uapi::op::write, 0, 8);
        CHECK(write.run(s) == 0);  // and the data is lost
    }
    CHECK(k.accusations().size() == 1);
}

TEST_CASE("short results: sent again in parts, or taken for the whole") {
    for (const char* version : {"6.12", "7.0", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        raw_server s(k);
        s.begin();
        s.handler = [](const uapi::io_desc& d, auto, auto) {
            return static_cast<int>(std::min(d.nr_sectors, 3u) * 512);
        };
        user_io write(k, s.id, uapi::op::write, 0, 8);
        CHECK(write.run(s) == 0);
        CHECK(s.seen.size() == (k.version().at_least(7, 3) ? 1 : 3));
        s.seen.clear();
        user_io read(k, s.id, uapi::op::read, 0, 8);
        CHECK(read.run(s) == 0);
        REQUIRE(s.seen.size() == 3);
        CHECK(s.seen[1].start_sector == 3);
        CHECK(s.seen[2].nr_sectors == 2);
    }
}

TEST_CASE("a buffer that is not there: the request is tried again, and nobody is told") {
    kernel k(quiet("7.3"));
    raw_server s(k, {.depth = 1});
    s.begin();
    // From now on the slot has an address without memory.
    user_io read(k, s.id, uapi::op::read, 0, 8);
    s.handler = [&](const uapi::io_desc& d, auto q, auto tag) {
        s.commit(q, tag, -EIO, 4096);
        CHECK(d.nr_sectors == 8);
        return -EINPROGRESS;
    };
    CHECK(read.run(s) == -EIO);
    user_io write(k, s.id, uapi::op::write, 0, 8);
    write.submit();
    const std::uint64_t begin = k.exec().now();
    for (int n = 0; n < 200; ++n) {
        s.serve();
        k.steps().step();
    }
    CHECK(s.seen.size() == 1);
    CHECK_FALSE(write.done());
    CHECK(k.exec().now() - begin > 10'000'000);
    s.kill();
    settle(k, 10000);
    CHECK(write.done());
}
