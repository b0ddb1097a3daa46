// SPDX-License-Identifier: MIT
// Devices with batches on the twin: many tags fetched or committed by one command.
#include "support/raw_server.hpp"
#include "twin/driver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

using namespace ashlar;
using namespace ashlar::testing;
using twin::kernel;

namespace {

struct element {
    uapi::elem_header header = {};
    std::uint64_t address = 0;
};

constexpr std::uint64_t prep_name = 1, commit_name = 2, fetch_name = 3;
constexpr std::uint16_t with_address = uapi::batch_f_has_buf_addr;

// A server of a device with one queue that takes and gives batches.
class batch_server : public raw_server {
public:
    // `after`: a device whose server has ended, to be recovered.
    batch_server(twin::kernel& k, std::uint16_t depth, std::uint64_t flags = 0, unsigned slots = 4,
                 raw_server* after = nullptr)
        : raw_server(k, {.flags = flags | uapi::f_batch_io, .depth = depth}) {
        if (after == nullptr) {
            REQUIRE(add() == 0);
            REQUIRE(set_params() == 0);
        } else {
            id = after->id;
            info = after->info;
            REQUIRE(control(uapi::ctrl_op::start_user_recovery) == 0);
        }
        REQUIRE(open() == 0);
        REQUIRE(map() == 0);
        void* memory = nullptr;
        REQUIRE(::posix_memalign(&memory, 4096, 4096) == 0);
        provided_ = static_cast<io_uring_buf_ring*>(memory);
        std::memset(memory, 0, 4096);
        io_uring_buf_reg wanted{
            .ring_addr = reinterpret_cast<std::uintptr_t>(memory), .ring_entries = 16, .bgid = 9};
        REQUIRE(process.ring_register(ring.raw(), IORING_REGISTER_PBUF_RING, &wanted, 1) == 0);
        for (std::uint16_t n = 0; n < slots; ++n) provide(n);
    }
    batch_server(const batch_server&) = delete;
    batch_server& operator=(const batch_server&) = delete;
    ~batch_server() {
        close();
        std::free(provided_);
    }

    std::vector<std::size_t> batches;  // sizes of what came

    void provide(std::uint16_t number) {
        io_uring_buf& b = provided_->bufs[provided_->tail & 15];
        b.addr = reinterpret_cast<std::uintptr_t>(tags_[number]);
        b.len = sizeof tags_[number];
        b.bid = number;
        provided_->tail = static_cast<std::uint16_t>(provided_->tail + 1);
    }
    void send_batch(uapi::io_op op, std::uint64_t name, std::span<const element> elements,
                    std::uint16_t flags) {
        auto& e = ring.entry(fd, uapi::encoded(op), name);
        const uapi::batch_io header{.flags = flags,
                                    .nr_elem = static_cast<std::uint16_t>(elements.size()),
                                    .elem_bytes = uapi::batch_elem_bytes(flags)};
        std::memcpy(static_cast<void*>(e.cmd), &header, sizeof header);
        e.addr = reinterpret_cast<std::uintptr_t>(elements.data());
        ring.enter();
    }
    int batch(uapi::io_op op, std::span<const element> elements,
              std::uint16_t flags = with_address) {
        const std::uint64_t name = op == uapi::io_op::prep_io_cmds ? prep_name : commit_name;
        send_batch(op, name, elements, flags);
        std::optional<completion> c;
        while (!(c = ring.take(name))) ring.enter(1);
        return c->result;
    }
    element of(std::uint16_t tag, int result = 0) {
        return {.header = {.tag = tag, .result = result},
                .address = reinterpret_cast<std::uintptr_t>(buffer(0, tag))};
    }
    int prepare_all() {
        std::vector<element> all;
        for (std::uint16_t tag = 0; tag < info.queue_depth; ++tag) all.push_back(of(tag));
        return batch(uapi::io_op::prep_io_cmds, all);
    }
    void fetch_batch() {
        auto& e = ring.entry(fd, uapi::encoded(uapi::io_op::fetch_io_cmds), fetch_name);
        const uapi::batch_io header{.elem_bytes = 2};
        std::memcpy(static_cast<void*>(e.cmd), &header, sizeof header);
        e.flags = IOSQE_BUFFER_SELECT;
        e.buf_group = 9;
        e.uring_cmd_flags = 1u << 1;
        ring.enter();
    }
    int start() {
        return control(uapi::ctrl_op::start_dev, static_cast<std::uint64_t>(process.pid()));
    }
    // Answers what has come; the result of a fetch command that has ended, else 0.
    int serve_batches() {
        int over = 0;
        ring.enter();
        while (auto c = ring.take()) {
            if (c->user_data == commit_name) continue;
            if ((c->flags & IORING_CQE_F_MORE) == 0) {
                over = c->result;
                continue;
            }
            const auto number = static_cast<std::uint16_t>(c->flags >> IORING_CQE_BUFFER_SHIFT);
            std::vector<element> answers;
            for (int n = 0; n < c->result / 2; ++n) {
                const std::uint16_t tag = tags_[number][n];
                seen.push_back(descriptor(0, tag));
                answers.push_back(of(tag, handler(descriptor(0, tag), 0, tag)));
            }
            batches.push_back(answers.size());
            provide(number);
            CHECK(batch(uapi::io_op::commit_io_cmds, answers) ==
                  static_cast<int>(answers.size() * sizeof(element)));
        }
        return over;
    }
    void run(const std::function<bool()>& condition) {
        for (int n = 0; !condition() && n < 100000; ++n) {
            const int over = serve_batches();
            CHECK((over == 0 || over == -ENOBUFS));
            if (over != 0) fetch_batch();
            kernel.steps().step();
        }
        CHECK(condition());
    }

private:
    io_uring_buf_ring* provided_ = nullptr;
    std::uint16_t tags_[4][128] = {};
};

}  // namespace

TEST_CASE("a device with batches lives, in any order of things") {
    for (const char* version : {"7.0", "7.3"}) {
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
            CAPTURE(version);
            CAPTURE(seed);
            twin::kernel_options o = quiet(version, seed);
            o.manner.any_order = seed != 0;
            kernel k(o);
            batch_server s(k, 16);
            REQUIRE(s.prepare_all() == 0);
            CHECK(s.prepare_all() == -EBUSY);
            s.fetch_batch();
            REQUIRE(s.start() == 0);
            std::deque<user_io> all;
            for (std::uint64_t n = 0; n < 40; ++n) {
                all.emplace_back(k, s.id, uapi::op::write, n * 16, 16);
                std::ranges::fill(all.back().data, static_cast<std::byte>(n + 1));
                all.back().submit();
            }
            s.run([&] { return std::ranges::all_of(all, &user_io::done); });
            for (std::uint64_t n = 0; n < 40; ++n) {
                CHECK(all[n].error() == 0);
                CHECK(s.ram[n * 16 * 512] == static_cast<std::byte>(n + 1));
            }
            CHECK(s.seen.size() == 40);
            if (seed == 0) CHECK(std::ranges::max(s.batches) > 4);
            user_io read(k, s.id, uapi::op::read, 160, 16);
            read.submit();
            s.run([&] { return read.done(); });
            CHECK(std::ranges::count(read.data, std::byte{11}) == 16 * 512);
            s.send(uapi::ctrl_op::stop_dev, {}, 5);
            settle(k);
            s.control_ring.enter();
            CHECK(s.control_ring.take(5)->result == 0);
            CHECK(s.serve_batches() == -ENODEV);
            CHECK(k.accusations().empty());
        }
    }
}

TEST_CASE("a batch that is refused takes nothing") {
    kernel k(quiet("7.3"));
    batch_server s(k, 4);
    std::vector<element> some{s.of(0), s.of(1), s.of(2)};
    some[2].header.tag = 9;
    CHECK(s.batch(uapi::io_op::prep_io_cmds, some) == -EINVAL);
    some[2] = s.of(1);
    CHECK(s.batch(uapi::io_op::prep_io_cmds, some) == -EINVAL);
    some[2] = s.of(2);
    CHECK(s.batch(uapi::io_op::prep_io_cmds, some) == 0);
    CHECK(s.batch(uapi::io_op::prep_io_cmds, {}) == 0);
    some.assign(5, s.of(3));
    CHECK(s.batch(uapi::io_op::prep_io_cmds, some) == -E2BIG);
    CHECK(s.batch(uapi::io_op::commit_io_cmds, std::span(some).first(1)) == -EBUSY);
    some.resize(1);
    CHECK(s.batch(uapi::io_op::prep_io_cmds, some) == 0);
    CHECK(s.start() == 0);
}

TEST_CASE("a commit tells how far it came") {
    kernel k(quiet("7.3"));
    batch_server s(k, 4);
    REQUIRE(s.prepare_all() == 0);
    s.fetch_batch();
    REQUIRE(s.start() == 0);
    user_io write(k, s.id, uapi::op::write, 0, 8);
    write.submit();
    settle(k);
    s.ring.enter();
    const auto c = s.ring.take(fetch_name);
    REQUIRE(c.has_value());
    CHECK(c->result == 2);
    // The tag that came is the last one, as the free ones are taken.
    const std::vector<element> some{s.of(3, 4096), s.of(0, 0)};
    CHECK(s.batch(uapi::io_op::commit_io_cmds, some) == sizeof(element));
    settle(k);
    CHECK(write.done());
}

TEST_CASE("a fetch ends when there is no buffer for it, and another one goes on") {
    kernel k(quiet("7.3"));
    batch_server s(k, 4, 0, 0);
    REQUIRE(s.prepare_all() == 0);
    s.fetch_batch();
    REQUIRE(s.start() == 0);
    user_io write(k, s.id, uapi::op::write, 0, 8);
    write.submit();
    settle(k);
    CHECK(s.serve_batches() == -ENOBUFS);
    s.provide(0);
    s.fetch_batch();
    s.run([&] { return write.done(); });
    CHECK(write.error() == 0);
}

TEST_CASE("recovery of a device with batches") {
    kernel k(quiet("7.3"));
    batch_server s(k, 4, uapi::f_user_recovery | uapi::f_user_recovery_reissue);
    REQUIRE(s.prepare_all() == 0);
    s.fetch_batch();
    REQUIRE(s.start() == 0);
    user_io write(k, s.id, uapi::op::write, 0, 8), later(k, s.id, uapi::op::write, 8, 8);
    write.submit();
    settle(k);
    s.ring.enter();
    s.kill();
    later.submit();
    settle(k);
    CHECK_FALSE(write.done());
    CHECK_FALSE(later.done());
    batch_server next(k, 4, uapi::f_user_recovery | uapi::f_user_recovery_reissue, 4, &s);
    CHECK(next.device().state == 2);
    REQUIRE(next.prepare_all() == 0);
    next.fetch_batch();
    CHECK(next.control(uapi::ctrl_op::end_user_recovery,
                       static_cast<std::uint64_t>(next.process.pid())) == 0);
    next.run([&] { return write.done() && later.done(); });
    CHECK(write.error() == 0);
    CHECK(next.seen.size() == 2);
}

TEST_CASE("a quiesced device with batches fails requests, until another server has fetched") {
    constexpr std::uint64_t flags =
        uapi::f_user_recovery | uapi::f_user_recovery_reissue | uapi::f_quiesce;
    for (const char* version : {"7.0", "7.3"}) {
        CAPTURE(version);
        kernel k(quiet(version));
        batch_server s(k, 4, flags);
        REQUIRE(s.prepare_all() == 0);
        s.fetch_batch();
        REQUIRE(s.start() == 0);
        user_io held(k, s.id, uapi::op::write, 0, 8);
        held.submit();
        settle(k);
        s.ring.enter();
        const auto fails = [&] {
            user_io now(k, s.id, uapi::op::write, 8, 8);
            now.submit();
            settle(k);
            return now.done() && now.error() == -EIO;
        };
        CHECK(s.control(uapi::ctrl_op::quiesce_dev, std::uint64_t{1000}) == 0);
        CHECK(fails());
        s.kill();
        settle(k);
        // It would have been made again, had it not been for the quiesce.
        CHECK(held.done());
        CHECK(held.error() == -EIO);
        CHECK(fails());
        batch_server next(k, 4, flags, 4, &s);
        REQUIRE(next.prepare_all() == 0);
        next.fetch_batch();
        CHECK(next.control(uapi::ctrl_op::end_user_recovery,
                           static_cast<std::uint64_t>(next.process.pid())) == 0);
        if (!k.version().at_least(7, 3)) {
            CHECK(fails());
            continue;
        }
        user_io after(k, s.id, uapi::op::write, 16, 8);
        after.submit();
        next.run([&] { return after.done(); });
        CHECK(after.error() == 0);
    }
}

TEST_CASE("a request that a server with batches has not heard of shares its server's end") {
    for (const bool again : {false, true}) {
        kernel k(quiet("7.3"));
        batch_server s(k, 4,
                       uapi::f_user_recovery |
                           (again ? uapi::f_user_recovery_reissue : std::uint64_t{0}));
        REQUIRE(s.prepare_all() == 0);
        REQUIRE(s.start() == 0);
        user_io unheard(k, s.id, uapi::op::read, 0, 8);
        unheard.submit();
        settle(k);
        s.kill();
        settle(k);
        CHECK(unheard.done() == !again);
        if (!again) CHECK(unheard.error() == -EIO);
    }
}
