// SPDX-License-Identifier: MIT
#include "device/lanes.hpp"

#include "base/try.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace ashlar {

std::string_view name(lane which) {
    constexpr std::string_view names[] = {"automatic", "plain copy", "user copy", "zero copy"};
    return names[static_cast<unsigned>(which)];
}

std::string_view name(delivery which) {
    constexpr std::string_view names[] = {"automatic", "by tag", "in batches"};
    return names[static_cast<unsigned>(which)];
}

}  // namespace ashlar

namespace ashlar::device_room {

namespace {

constexpr std::string_view asked_for = "asked for";
constexpr unsigned batch_depth_min = 2;
constexpr const char* one_tag = "there are no batches in a queue of depth 1";

error refused(std::string_view what, std::string_view value, std::string why, std::string remedy) {
    return {.operation = std::string(what),
            .object = std::string(value),
            .code = EOPNOTSUPP,
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

std::string kernel_lacks(const os::kernel_version& kernel, std::string_view what,
                         std::string_view since) {
    return fmt::format("Linux {} has no {} (it came with {})", kernel.text, what, since);
}

struct lane_need {
    std::uint64_t flags;
    std::string_view since;
};

// Zero copy takes user copy along: for a request whose pages could not be registered.
lane_need need_of(lane which) {
    switch (which) {
        case lane::user_copy: return {uapi::f_user_copy, "6.5"};
        case lane::zero_copy: return {uapi::f_auto_buf_reg | uapi::f_user_copy, "6.16"};
        default: return {0, "6.0"};
    }
}

// The lane that the target would like best, and why.
lane best_for(const target& served, std::string& why) {
    if (served.table().streams) {
        why = "the target has its data in memory, and each byte is copied once";
        return lane::user_copy;
    }
    if (served.passes_data()) {
        why = "the target passes the data on, and no byte is copied";
        return lane::zero_copy;
    }
    why = "the target wants the data in a buffer";
    return lane::plain_copy;
}

result<> set_lane(lane_choice& c, lane wanted, const target& served, std::uint64_t features,
                  const os::kernel_version& kernel) {
    if (wanted == lane::automatic) {
        c.lane = best_for(served, c.lane_why);
        const lane_need need = need_of(c.lane);
        if ((features & need.flags) != need.flags) {
            c.lane_why = kernel_lacks(kernel, name(c.lane), need.since);
            c.lane = lane::plain_copy;
        }
        return {};
    }
    c.lane = wanted;
    c.lane_why = asked_for;
    const lane_need need = need_of(wanted);
    if ((features & need.flags) != need.flags) {
        return failure(refused("lane", name(wanted), kernel_lacks(kernel, name(wanted), need.since),
                               "use --lane auto, or a newer kernel"));
    }
    if (wanted == lane::zero_copy && !served.passes_data()) {
        return failure(refused("lane", name(wanted),
                               "this target looks at the data, which zero copy keeps from it",
                               "use --lane auto"));
    }
    return {};
}

// Without QUIESCE_DEV, which breaks devices with batches, what is delivered while a server lets go
// is the dead server's.
bool batches_break_hand_over(const options& wanted) { return wanted.recovery == recovery::wait; }

result<> set_delivery(lane_choice& c, const options& wanted, std::uint64_t features,
                      const os::kernel_version& kernel) {
    const bool here = (features & uapi::f_batch_io) != 0;
    c.delivery = wanted.delivery;
    c.delivery_why = asked_for;
    if (wanted.delivery == delivery::in_batches && !here) {
        return failure(refused("delivery", name(wanted.delivery),
                               kernel_lacks(kernel, "batches", "7.0"),
                               "use --delivery auto, or a newer kernel"));
    }
    if (wanted.delivery == delivery::in_batches && wanted.depth < batch_depth_min) {
        return failure(refused("delivery", name(wanted.delivery), one_tag,
                               "use --delivery auto, or a larger --depth"));
    }
    if (wanted.delivery != delivery::automatic) return {};
    c.delivery = delivery::by_tag;
    if (!here) {
        c.delivery_why = kernel_lacks(kernel, "batches", "7.0");
    } else if (wanted.depth < batch_depth_min) {
        c.delivery_why = one_tag;
    } else if (wanted.threads && wanted.recovery != recovery::none) {
        c.delivery_why = "with shared threads only QUIESCE_DEV hands a device over, and it fails "
                         "the requests of one with batches";
    } else if (batches_break_hand_over(wanted)) {
        c.delivery_why =
            "with batches, a hand-over to another server fails requests in recovery mode wait";
    } else {
        c.delivery = delivery::in_batches;
        c.delivery_why = "one command takes all requests that have come";
    }
    return {};
}

}  // namespace

result<> check_unprivileged(const options& wanted, std::uint64_t features) {
    if ((features & uapi::f_unprivileged_dev) == 0) {
        return failure(refused("unprivileged", "",
                               "this kernel has no devices without privileges "
                               "(they came with Linux 6.3)",
                               "run it as root"));
    }
    if (wanted.recovery != recovery::none) {
        return failure(refused("recovery", "", "a device without privileges ends with its server",
                               "leave --recovery out, or make the device as root"));
    }
    if (wanted.lane == lane::user_copy || wanted.lane == lane::zero_copy) {
        return failure(refused("lane", name(wanted.lane),
                               "the data of a device without privileges is copied by the kernel "
                               "(rule ADD-8)",
                               "use --lane auto, or make the device as root"));
    }
    return {};
}

std::uint64_t device_flags(const lane_choice& c) {
    return need_of(c.lane).flags |
           (c.delivery == delivery::in_batches ? uapi::f_batch_io : std::uint64_t{0});
}

result<lane_choice> choose_lane(const options& wanted, const target& served, std::uint64_t features,
                                const os::kernel_version& kernel) {
    lane_choice c;
    ASHLAR_CHECK(set_lane(c, wanted.lane, served, features, kernel));
    ASHLAR_CHECK(set_delivery(c, wanted, features, kernel));
    return c;
}

lane_choice lane_of_device(std::uint64_t flags) {
    lane_choice c;
    if ((flags & uapi::f_user_copy) != 0) c.lane = lane::user_copy;
    if ((flags & uapi::f_auto_buf_reg) != 0) c.lane = lane::zero_copy;
    if ((flags & uapi::f_batch_io) != 0) c.delivery = delivery::in_batches;
    c.lane_why = c.delivery_why = "the device was made so";
    return c;
}

}  // namespace ashlar::device_room
