// SPDX-License-Identifier: MIT
#include "device/lanes.hpp"

#include <doctest/doctest.h>

using namespace ashlar;
using namespace ashlar::device_room;

namespace {

struct in_memory {
    std::uint64_t size() const { return 1 << 20; }
    void read(std::uint64_t, data_out& out) { out.leave_rest(); }
};

struct with_a_place {
    std::uint64_t size() const { return 1 << 20; }
    void read(std::uint64_t, data_out& out) { out.leave_rest(); }
    void write(std::uint64_t, data_in& in) { in.skip_rest(); }
    std::span<std::byte> place(std::uint64_t, std::uint64_t) { return {}; }
};

struct in_buffers {
    std::uint64_t size() const { return 1 << 20; }
    void read(std::uint64_t, std::span<std::byte>) {}
};

struct passing {
    static constexpr bool passes_data = true;
    std::uint64_t size() const { return 1 << 20; }
    task<std::error_code> read(request& r) {
        const std::error_code failed = co_await r.read_from(0, 0);
        co_return failed;
    }
};

constexpr std::uint64_t features_6_1 = uapi::f_need_get_data | uapi::f_user_recovery;
constexpr std::uint64_t features_6_12 = 0x1fe;
constexpr std::uint64_t features_6_15 = 0x3ff;
constexpr std::uint64_t features_6_18 = 0x7fff;
constexpr std::uint64_t features_7_3 = 0x1fffff;

lane_choice choose(const target& t, std::uint64_t features, options wanted = {}, unsigned major = 7,
                   unsigned minor = 3) {
    auto c = choose_lane(wanted, t, features, {.major = major, .minor = minor, .text = "7.3.4"});
    REQUIRE(c);
    return *c;
}

error refusal(const target& t, std::uint64_t features, options wanted) {
    auto c = choose_lane(wanted, t, features, {.major = 6, .minor = 1, .text = "6.1.0"});
    REQUIRE(!c);
    return c.error();
}

}  // namespace

TEST_CASE("the lane with the fewest copies that kernel and target have is taken") {
    const target memory{in_memory{}}, buffers{in_buffers{}}, passes{passing{}};
    CHECK(choose(memory, features_6_1).lane == lane::plain_copy);
    CHECK(choose(memory, features_6_12).lane == lane::user_copy);
    CHECK(choose(memory, features_7_3).lane == lane::user_copy);
    CHECK(choose(passes, features_6_12).lane == lane::plain_copy);
    CHECK(choose(passes, features_6_18).lane == lane::zero_copy);
    CHECK(choose(passes, features_6_15).lane == lane::zero_copy_manual);
    CHECK(choose(passes, features_6_15).lane_why.find("6.16") != std::string::npos);
    CHECK(choose(buffers, features_7_3).lane == lane::plain_copy);
    CHECK(choose(memory, features_6_18).delivery == delivery::by_tag);
    CHECK(choose(memory, features_7_3).delivery == delivery::in_batches);
    // It says why, also where the kernel lacks the better one.
    CHECK(choose(memory, features_6_1).lane_why ==
          "Linux 7.3.4 has no user copy (it came with 6.5)");
    CHECK(choose(passes, features_6_12).lane_why.find("6.16") != std::string::npos);
    CHECK(!choose(buffers, features_7_3).lane_why.empty());
    const target placed{with_a_place{}};
    const lane_choice old = choose(placed, features_6_1);
    CHECK(old.lane == lane::in_place);
    CHECK(old.lane_why.find("no user copy") != std::string::npos);
    CHECK(old.lane_why.find("target's memory") != std::string::npos);
    CHECK(choose(placed, features_6_12).lane == lane::user_copy);
}

TEST_CASE("answers in place are not for batches, in which the kernel asks for no place") {
    const target placed{with_a_place{}}, memory{in_memory{}};
    const lane_choice c = choose(placed, features_7_3, {.lane = lane::in_place});
    CHECK(c.delivery == delivery::by_tag);
    CHECK(c.delivery_why.find("does not ask") != std::string::npos);
    const error both =
        refusal(placed, features_7_3, {.lane = lane::in_place, .delivery = delivery::in_batches});
    CHECK(both.why.find("does not ask") != std::string::npos);
    CHECK(choose(placed, features_7_3, {.delivery = delivery::in_batches}).lane == lane::user_copy);
    const error no_place = refusal(memory, features_7_3, {.lane = lane::in_place});
    CHECK(no_place.why.find("place") != std::string::npos);
}

TEST_CASE("what is asked for is taken or refused, never replaced") {
    const target memory{in_memory{}}, passes{passing{}};
    CHECK(choose(memory, features_7_3, {.lane = lane::plain_copy}).lane == lane::plain_copy);
    CHECK(choose(passes, features_7_3, {.lane = lane::user_copy}).lane == lane::user_copy);
    CHECK(choose(passes, features_7_3, {.delivery = delivery::by_tag}).delivery ==
          delivery::by_tag);
    const error no_kernel = refusal(memory, features_6_1, {.lane = lane::user_copy});
    CHECK(no_kernel.why == "Linux 6.1.0 has no user copy (it came with 6.5)");
    const error no_target = refusal(memory, features_7_3, {.lane = lane::zero_copy});
    CHECK(no_target.why.find("looks at the data") != std::string::npos);
    const error no_batches = refusal(memory, features_6_12, {.delivery = delivery::in_batches});
    CHECK(no_batches.why.find("7.0") != std::string::npos);
    const error one_tag =
        refusal(memory, features_7_3, {.depth = 1, .delivery = delivery::in_batches});
    CHECK(one_tag.why.find("depth 1") != std::string::npos);
    CHECK(choose(memory, features_7_3, {.depth = 1}).delivery == delivery::by_tag);
}

TEST_CASE("a device gets no batches where they would fail requests at its hand-over") {
    const target memory{in_memory{}};
    CHECK(choose(memory, features_7_3, {.recovery = recovery::wait}).delivery == delivery::by_tag);
    CHECK(choose(memory, features_7_3, {.recovery = recovery::reissue}).delivery ==
          delivery::in_batches);
    CHECK(choose(memory, features_7_3, {.recovery = recovery::fail}).delivery ==
          delivery::in_batches);
    CHECK(choose(memory, features_7_3, {}).delivery == delivery::in_batches);
}

TEST_CASE("a device's flags and its lane say the same") {
    for (lane l : {lane::plain_copy, lane::user_copy, lane::zero_copy, lane::zero_copy_manual,
                   lane::shared_memory}) {
        for (delivery d : {delivery::by_tag, delivery::in_batches}) {
            const lane_choice back =
                lane_of_device(device_flags({.lane = l, .delivery = d}) | uapi::f_cmd_ioctl_encode);
            CHECK(back.lane == l);
            CHECK(back.delivery == d);
        }
    }
    CHECK(lane_of_device(device_flags({.lane = lane::in_place})).lane == lane::in_place);
}
