// SPDX-License-Identifier: MIT
// A device that goes on after its queues have ended: quiesced by somebody else, or handed over.
#include "device/hand_over.hpp"
#include "device/life.hpp"
#include "support/targets.hpp"
#include "support/twin_machine.hpp"

#include <doctest/doctest.h>

#include <functional>

using namespace ashlar;
using test::block_request;
using test::twin_machine;

namespace {

using device_life = device::implementation;

std::unique_ptr<device_life> started(twin_machine& m, recovery mode,
                                     delivery how = delivery::automatic) {
    auto d = device_life::start(m, target(test::ram(1 << 20)),
                                {.queues = 2, .depth = 4, .recovery = mode, .delivery = how});
    REQUIRE(d);
    return std::move(*d);
}

void write_to(twin_machine& m, std::byte what) {
    block_request write{.op = uapi::op::write,
                        .sector = 8,
                        .sectors = 8,
                        .data = std::vector<std::byte>(4096, what)};
    CHECK(m.perform(0, write) == 4096);
}

void check_content(twin_machine& m, std::byte what) {
    for (std::uint16_t queue = 0; queue < 2; ++queue) {
        block_request read{.sector = 8, .sectors = 8, .queue = queue};
        CHECK(m.perform(0, read) == 4096);
        CHECK(read.data == std::vector<std::byte>(4096, what));
    }
}

// Calls back while it has a write.
struct interrupted {
    test::ram disk = test::ram(1 << 20);
    const std::function<void()>* meanwhile;
    std::uint64_t size() const { return disk.size(); }
    void read(std::uint64_t at, std::span<std::byte> out) { disk.read(at, out); }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        (*meanwhile)();
        disk.write(at, in);
    }
};

}  // namespace

TEST_CASE("a device that somebody has quiesced is served again") {
    for (recovery mode : {recovery::wait, recovery::reissue, recovery::fail}) {
        twin_machine m;
        if (!m.has(uapi::f_quiesce)) return;
        auto d = started(m, mode, delivery::by_tag);
        write_to(m, std::byte{5});
        auto control = control::control::open(m, false);
        REQUIRE(control);
        REQUIRE((*control)->quiesce(d->id(), 1000));
        while (!d->ended()) m.pass_time();
        auto again = d->resume();
        REQUIRE(again);
        CHECK(*again);
        CHECK(!d->ended());
        check_content(m, std::byte{5});
        write_to(m, std::byte{6});
        check_content(m, std::byte{6});
        CHECK(d->stop(stop_when::idle));
        d.reset();
        control->reset();
        CHECK(m.leaks() == "");
        CHECK(m.text_files() == std::vector<std::string>{});
    }
}

TEST_CASE("a device that nobody takes when it is handed over is served on") {
    twin_machine m;
    auto d = started(m, recovery::reissue);
    write_to(m, std::byte{5});
    const std::uint64_t before = static_cast<os::machine&>(m).now_ns();
    auto again = d->resume();
    REQUIRE(again);
    CHECK(*again);
    // Others had their time.
    CHECK(static_cast<os::machine&>(m).now_ns() - before >= 3'000'000'000);
    check_content(m, std::byte{5});
    CHECK(d->stop(stop_when::idle));
}

TEST_CASE("a record names the keeper that came meanwhile when its server takes the device back") {
    twin_machine m;
    auto d = device_life::start(m, target(test::ram(1 << 20)),
                                {.recovery = recovery::reissue, .recipe = "the first keeper"});
    REQUIRE(d);
    auto record = device_room::all_records(m).at(0);
    CHECK(record.recipe == "the first keeper");
    record.recipe = "the second keeper";
    REQUIRE(device_room::write_record(m, record));
    auto again = (*d)->resume();
    REQUIRE(again);
    CHECK(*again);
    const auto records = device_room::all_records(m);
    REQUIRE(records.size() == 1);
    CHECK(records[0].recipe == "the second keeper");
    CHECK((*d)->stop(stop_when::now));
}

TEST_CASE("a device that was removed is not served again") {
    twin_machine m;
    auto d = started(m, recovery::reissue);
    auto other = m.remove_device_meanwhile(d->id());
    while (!d->ended()) m.pass_time();
    auto again = d->resume();
    REQUIRE(again);
    CHECK(!*again);
    CHECK(d->stop(stop_when::now));
    other.reset();
    d.reset();
    CHECK(m.leaks() == "");
}

// There it would fail requests.
TEST_CASE("nobody can quiesce a device with batches") {
    twin_machine m;
    if (!m.has(uapi::f_batch_io)) return;
    auto d = started(m, recovery::reissue, delivery::in_batches);
    auto control = control::control::open(m, false);
    REQUIRE(control);
    const auto quiesced = (*control)->quiesce(d->id(), 1000);
    REQUIRE(!quiesced);
    CHECK(quiesced.error().code == EOPNOTSUPP);
    write_to(m, std::byte{5});
    check_content(m, std::byte{5});
}

TEST_CASE("a quiesce that finds every tag with the server is noticed") {
    twin_machine m;
    if (!m.has(uapi::f_quiesce)) return;
    os::machine& machine = m;
    auto control = control::control::open(m, false);
    REQUIRE(control);
    std::uint32_t id = 0;
    bool quiesced = false;
    const std::function<void()> quiesce_once = [&] {
        if (!quiesced) CHECK((*control)->quiesce(id, 1000));
        quiesced = true;
    };
    const target served(interrupted{.meanwhile = &quiesce_once});
    auto begun = device_life::start(
        m, served, {.depth = 1, .recovery = recovery::wait, .delivery = delivery::by_tag});
    REQUIRE(begun);
    const auto d = std::move(*begun);
    id = d->id();
    write_to(m, std::byte{5});
    CHECK(quiesced);
    // Nobody has any use for it, and nobody is told.
    machine.sleep_ns(10'000'000'000);
    CHECK(!d->ended());
    bool again = false;
    auto owner = machine.start_thread("owner", {}, [&] {
        while (!d->ended()) machine.sleep_ns(10'000'000);
        auto resumed = d->resume();
        again = resumed && *resumed;
    });
    REQUIRE(owner);
    const std::uint64_t before = machine.now_ns();
    write_to(m, std::byte{6});
    // Three looks, a second apart, and a successor's time.
    CHECK(machine.now_ns() - before < 8'000'000'000);
    owner->reset();
    CHECK(again);
    CHECK(d->stop(stop_when::idle));
}

TEST_CASE("a device that its server could not stop waits for the next one") {
    twin_machine m;
    const test::ram disk(1 << 20);
    auto d = device_life::start(m, target(disk), {.depth = 4, .recovery = recovery::reissue});
    REQUIRE(d);
    write_to(m, std::byte{7});
    m.kernel().fail_call(1, EPIPE, true);
    CHECK(!(*d)->stop(stop_when::now));
    m.kernel().fail_call(0, 0);
    d->reset();
    CHECK(m.text_files().size() == 1);
    REQUIRE(device_room::await_let_go(m, 0, 60'000'000'000, false));
    auto next = device_life::recover(m, 0, target(disk), {.recovery = recovery::reissue});
    REQUIRE(next);
    block_request read{.sector = 8, .sectors = 8};
    CHECK(m.perform(0, read) == 4096);
    CHECK(read.data == std::vector<std::byte>(4096, std::byte{7}));
    CHECK((*next)->stop(stop_when::now));
    next->reset();
    CHECK(m.text_files() == std::vector<std::string>{});
    CHECK(m.leaks() == "");
}
