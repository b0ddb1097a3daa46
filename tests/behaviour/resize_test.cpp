// SPDX-License-Identifier: MIT
// Another size for a device in use: what is on it stays, what comes meanwhile waits, and target and
// kernel are of one mind afterwards, however it ends.
#include "device/resize.hpp"

#include "device/life.hpp"
#include "device/record.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"
#include "targets/mem/mem.hpp"

#include <ashlar/log.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

using device_life = device::implementation;

constexpr std::uint64_t small = 1 << 20;
constexpr std::uint64_t large = 3 << 20;

struct quiet {
    quiet() {
        set_log_sink([](level, std::string_view) {});
    }
    ~quiet() { set_log_sink({}); }
};

// A RAM disk that can be resized, and tells when that is done beside its requests.
struct growing {
    explicit growing(std::uint64_t size) : disk(size), busy(std::make_shared<std::atomic<int>>()) {}

    test::ram disk;
    std::shared_ptr<std::atomic<int>> busy;
    int refuse = 0;
    static constexpr auto fence = ashlar::fence::process;

    std::uint64_t size() const { return disk.size(); }
    void read(std::uint64_t at, std::span<std::byte> out) {
        *busy += 1;
        disk.read(at, out);
        *busy -= 1;
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        *busy += 1;
        disk.write(at, in);
        *busy -= 1;
    }
    std::error_code resize(std::uint64_t bytes) {
        CHECK(*busy == 0);
        if (refuse != 0) return io_error(refuse);
        disk.bytes->resize(bytes);
        return {};
    }
};

block_request write_of(std::uint64_t at, unsigned what, std::uint16_t queue = 0) {
    return {.op = uapi::op::write,
            .sector = at / 512,
            .sectors = 8,
            .data = std::vector<std::byte>(4096, std::byte(what)),
            .queue = queue};
}

bool reads(twin_machine& m, std::uint64_t at, unsigned what, std::uint16_t queue = 0) {
    block_request read{.sector = at / 512, .sectors = 8, .queue = queue};
    return m.perform(0, read) == 4096 && read.data == std::vector<std::byte>(4096, std::byte(what));
}

int outcome_of(twin_machine& m, block_request r) { return m.perform(0, r); }

std::uint64_t recorded(twin_machine& m) { return device_room::all_records(m).at(0).size; }
std::uint64_t known_to_kernel(twin_machine& m) { return m.params_of(0).basic.dev_sectors * 512; }

}  // namespace

TEST_CASE("a device grows and shrinks, on every queue, and all who ask are told the same") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    const growing object(small);
    auto d = device_life::start(m, target(object), {.queues = 2, .depth = 4});
    REQUIRE(d);
    CHECK(outcome_of(m, write_of(0, 5)) == 4096);
    CHECK(outcome_of(m, write_of(small, 5)) == -EIO);
    REQUIRE((*d)->resize(large));
    for (std::uint16_t queue = 0; queue < 2; ++queue) {
        CHECK(reads(m, 0, 5, queue));
        CHECK(outcome_of(m, write_of(large - 4096, 6 + queue, queue)) == 4096);
        CHECK(reads(m, large - 4096, 6 + queue, queue));
    }
    CHECK((*d)->size() == large);
    CHECK(recorded(m) == large);
    CHECK(known_to_kernel(m) == large);
    CHECK(object.size() == large);
    REQUIRE((*d)->resize(small / 2));
    for (std::uint16_t queue = 0; queue < 2; ++queue) {
        CHECK(reads(m, 0, 5, queue));
        CHECK(outcome_of(m, write_of(small / 2, 1, queue)) == -EIO);
    }
    CHECK(recorded(m) == small / 2);
    CHECK(known_to_kernel(m) == small / 2);
    CHECK(object.size() == small / 2);
    d->reset();
    CHECK(m.leaks() == "");
}

TEST_CASE("what comes while a device is resized is answered, within the new size") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    for (const std::uint64_t size : {large, small}) {
        auto d = device_life::start(m, target(growing(2 << 20)), {.queues = 2, .depth = 8});
        REQUIRE(d);
        bool over = false;
        auto load = m.server().start_thread("load", {}, [&] {
            for (unsigned round = 0; round < 40; ++round) {
                std::vector<block_request> some;
                for (std::uint16_t i = 0; i < 8; ++i) {
                    some.push_back(write_of(i * 4096U, round + 1, i % 2));
                }
                m.perform(0, some);
                CHECK(std::ranges::all_of(some, [](auto& r) { return r.outcome == 4096; }));
            }
            over = true;
        });
        REQUIRE(load);
        for (unsigned times = 0; times < 5; ++times) {
            CHECK((*d)->resize(size));
            CHECK((*d)->resize(2 << 20));
        }
        load->reset();
        CHECK(over);
        for (std::uint16_t i = 0; i < 8; ++i) CHECK(reads(m, i * 4096U, 40, i % 2));
        d->reset();
        CHECK(m.leaks() == "");
    }
}

TEST_CASE("a RAM disk that grows again has zeros where it was cut") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    auto disk = targets::mem_disk::make(small, targets::huge_pages::no,
                                        std::make_unique<targets::memory_budget>());
    REQUIRE(disk);
    auto d = device_life::start(m, target(*disk), {});
    REQUIRE(d);
    CHECK(outcome_of(m, write_of(0, 5)) == 4096);
    CHECK(outcome_of(m, write_of(small - 4096, 5)) == 4096);
    REQUIRE((*d)->resize(small - 2048));
    REQUIRE((*d)->resize(large));
    CHECK(reads(m, 0, 5));
    block_request tail{.sector = (small - 4096) / 512, .sectors = 8};
    CHECK(m.perform(0, tail) == 4096);
    CHECK(std::ranges::count(tail.data, std::byte{5}) == 2048);
    CHECK(std::ranges::count(tail.data, std::byte{0}) == 2048);
    CHECK(reads(m, small, 0));
    CHECK(outcome_of(m, write_of(large - 4096, 6)) == 4096);
    CHECK(reads(m, large - 4096, 6));
}

TEST_CASE("what the target or the kernel refuses leaves the old size") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    auto object = std::make_shared<growing>(small);
    auto d = device_life::start(m, target(object), {});
    REQUIRE(d);
    CHECK(outcome_of(m, write_of(small - 4096, 5)) == 4096);
    const auto is_as_before = [&] {
        CHECK(object->size() == small);
        CHECK((*d)->size() == small);
        CHECK(recorded(m) == small);
        CHECK(known_to_kernel(m) == small);
        CHECK(reads(m, small - 4096, 5));
        CHECK(outcome_of(m, write_of(small, 5)) == -EIO);
    };
    object->refuse = ENOSPC;
    for (const std::uint64_t size : {large, small / 2}) {
        auto resized = (*d)->resize(size);
        REQUIRE(!resized);
        CHECK(resized.error().code == ENOSPC);
        is_as_before();
    }
    object->refuse = 0;
    for (const std::uint64_t size : {std::uint64_t{0}, small + 100}) {
        auto resized = (*d)->resize(size);
        REQUIRE(!resized);
        CHECK(resized.error().usage);
        is_as_before();
    }
    REQUIRE((*d)->resize(large));
}

TEST_CASE("whichever call fails while a device is resized, kernel and target are of one mind") {
    // With real time it takes too long, and goes through nothing else.
    if (test::chosen_twin().threads) return;
    const quiet hush;
    unsigned failed = 0;
    for (const std::uint64_t size : {large, small / 2}) {
        for (unsigned n = 1;; ++n) {
            CAPTURE(n);
            twin_machine m;
            if (!m.has(uapi::f_update_size)) return;
            const growing object(small);
            auto d = device_life::start(m, target(object), {.queues = 2, .depth = 2});
            REQUIRE(d);
            m.fail_call(n, ENOMEM);
            const auto resized = (*d)->resize(size);
            const bool met = m.failed_a_call();
            m.fail_call(0, 0);
            failed += resized ? 0 : 1;
            CHECK(object.size() == (resized ? size : small));
            CHECK(known_to_kernel(m) == object.size());
            CHECK((*d)->size() == object.size());
            CHECK(outcome_of(m, write_of(object.size() - 4096, 5)) == 4096);
            CHECK(outcome_of(m, write_of(object.size(), 5)) == -EIO);
            d->reset();
            CHECK(m.leaks() == "");
            if (!met) break;
        }
    }
    CHECK(failed >= 4);
}

TEST_CASE("what can't be resized is refused in words, and the kernel is not asked") {
    const quiet hush;
    twin_machine m;
    auto fixed = device_life::start(m, target(test::ram(small)), {});
    REQUIRE(fixed);
    auto resized = (*fixed)->resize(large);
    REQUIRE(!resized);
    CHECK(resized.error().why == "its target has one size for ever");
    fixed->reset();

    auto d = device_life::start(m, target(growing(small)), {});
    REQUIRE(d);
    resized = (*d)->resize(large);
    CHECK(resized.has_value() == m.has(uapi::f_update_size));
    if (!resized) {
        CHECK(resized.error().code == EOPNOTSUPP);
        CHECK(resized.error().rule == "D-7");
        CHECK((*d)->size() == small);
    }
    auto other = m.remove_device_meanwhile(0);
    while (!(*d)->ended()) m.pass_time();
    resized = (*d)->resize(2 * large);
    REQUIRE(!resized);
    CHECK(resized.error().code == ENODEV);
    CHECK((*d)->stop(stop_when::now));
    other.reset();
    d->reset();
    CHECK(m.leaks() == "");
}

TEST_CASE("a device that was resized is recovered in its new size only") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    auto d = device_life::start(m, target(growing(small)), {.recovery = recovery::reissue});
    REQUIRE(d);
    REQUIRE((*d)->resize(large));
    // Nobody takes it over, so it is served again by the same server: with the new size.
    auto again = (*d)->resume();
    REQUIRE(again);
    CHECK(*again);
    CHECK(outcome_of(m, write_of(large - 4096, 5)) == 4096);
    CHECK((*d)->stop(stop_when::idle));
}

TEST_CASE("a server answers the question for another size, and keeps what is not to be cut") {
    const quiet hush;
    twin_machine m;
    if (!m.has(uapi::f_update_size)) return;
    auto d = device_life::start(m, target(growing(small)), {});
    REQUIRE(d);
    const auto ask = [&](std::string_view question) {
        return device_room::answer_resize(**d, question);
    };
    CHECK(ask(R"({"verb":"resize","bytes":null,"by":1048576,"may_shrink":false})") ==
          "{\"after\":2097152,\"before\":1048576}\n");
    CHECK(ask(R"({"verb":"resize","bytes":512,"by":0,"may_shrink":false})").find("--shrink") !=
          std::string::npos);
    CHECK((*d)->size() == 2 << 20);
    CHECK(ask(R"({"verb":"resize","bytes":null,"by":-1048576,"may_shrink":true})") ==
          "{\"after\":1048576,\"before\":2097152}\n");
    CHECK(ask(R"({"verb":"resize","bytes":null,"by":0,"may_shrink":false})") ==
          "{\"after\":1048576,\"before\":1048576}\n");
    for (const char* odd : {"{}", "[]", "hello", R"({"verb":7})", R"({"verb":"resize"})"}) {
        CHECK(ask(odd).find("does not understand") != std::string::npos);
    }
}
