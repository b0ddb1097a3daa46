// SPDX-License-Identifier: MIT
#include "device/lanes.hpp"

#include "base/try.hpp"
#include "queue/lane_kind.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <vector>

namespace ashlar {

std::string_view name(lane which) {
    constexpr std::string_view names[] = {"automatic",    "plain copy",       "user copy",
                                          "zero copy",    "manual zero copy", "in place",
                                          "shared memory"};
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
constexpr const char* no_place_in_batches =
    "in batches the kernel does not ask where the data of a write is to go";
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

// Registration by hand takes user copy along, for a request whose pages could not be registered,
// and automatic registration takes that by hand along, for the same.
constexpr std::uint64_t by_hand = uapi::f_supp_zero_copy | uapi::f_user_copy;

lane_need need_of(lane which) {
    switch (which) {
        case lane::user_copy: return {uapi::f_user_copy, "6.5"};
        case lane::zero_copy: return {uapi::f_auto_buf_reg | by_hand, "6.16"};
        case lane::zero_copy_manual: return {by_hand, "6.15"};
        case lane::shared_memory: return {uapi::f_shmem_zc, "7.1"};
        case lane::in_place: return {uapi::f_need_get_data, "6.0"};
        default: return {0, "6.0"};
    }
}

struct candidate {
    ashlar::lane lane;
    std::string_view why;
};

// The lanes that the target can use, the best one first.
std::vector<candidate> candidates(const target& served, bool in_batches) {
    std::vector<candidate> all;
    if (served.table().streams) {
        all.push_back(
            {lane::user_copy, "the target has its data in memory, and each byte is copied once"});
        if (served.table().place != nullptr && !in_batches) {
            all.push_back({lane::in_place, "the kernel copies from and to the target's memory"});
        }
    } else if (served.passes_data()) {
        constexpr std::string_view why = "the target passes the data on, and no byte is copied";
        all.push_back({lane::zero_copy, why});
        all.push_back({lane::zero_copy_manual, why});
    }
    all.push_back({lane::plain_copy, "the target wants the data in a buffer"});
    return all;
}

// Why the target can't use a lane that was asked for; null if it can.
const char* unfit(lane wanted, const target& served) {
    if (queue::is_zero_copy(wanted) && !served.passes_data()) {
        return "this target looks at the data, which zero copy keeps from it";
    }
    if (wanted == lane::in_place && served.table().place == nullptr) {
        return "this target does not say where in memory its data has a place";
    }
    return nullptr;
}

bool has(std::uint64_t features, lane which) {
    return (features & need_of(which).flags) == need_of(which).flags;
}

result<> set_lane(lane_choice& c, const options& wanted, const target& served,
                  std::uint64_t features, const os::kernel_version& kernel) {
    if (wanted.lane == lane::automatic) {
        const auto all = candidates(served, wanted.delivery == delivery::in_batches);
        const auto* best = &all.front();
        while (!has(features, best->lane)) ++best;
        c.lane = best->lane;
        c.lane_why = best->why;
        if (best == &all.front()) return {};
        const std::string lacks =
            kernel_lacks(kernel, name(all.front().lane), need_of(all.front().lane).since);
        c.lane_why =
            best->lane == lane::plain_copy ? lacks : fmt::format("{}; {}", lacks, best->why);
        return {};
    }
    c.lane = wanted.lane;
    c.lane_why = asked_for;
    if (!has(features, c.lane)) {
        return failure(refused("lane", name(c.lane),
                               kernel_lacks(kernel, name(c.lane), need_of(c.lane).since),
                               "use --lane auto, or a newer kernel"));
    }
    if (c.lane == lane::shared_memory && wanted.recovery != recovery::none) {
        return failure(refused("lane", name(c.lane),
                               "what clients share with a server is unknown to the next one",
                               "make the device without recovery, or use another lane"));
    }
    if (const char* why = unfit(c.lane, served)) {
        return failure(refused("lane", name(c.lane), why, "use --lane auto"));
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
    if (wanted.delivery == delivery::in_batches && c.lane == lane::in_place) {
        return failure(refused("delivery", name(wanted.delivery), no_place_in_batches,
                               "use --delivery tag, or another lane"));
    }
    if (wanted.delivery != delivery::automatic) return {};
    c.delivery = delivery::by_tag;
    if (!here) {
        c.delivery_why = kernel_lacks(kernel, "batches", "7.0");
    } else if (wanted.depth < batch_depth_min) {
        c.delivery_why = one_tag;
    } else if (wanted.threads_per_queue > 1) {
        c.delivery_why = "the tags of a queue are divided among several threads";
    } else if (c.lane == lane::in_place) {
        c.delivery_why = no_place_in_batches;
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
    if ((need_of(wanted.lane).flags & privileged_lanes) != 0) {
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
    ASHLAR_CHECK(set_lane(c, wanted, served, features, kernel));
    ASHLAR_CHECK(set_delivery(c, wanted, features, kernel));
    return c;
}

lane_choice lane_of_device(std::uint64_t flags) {
    lane_choice c;
    if ((flags & uapi::f_need_get_data) != 0) c.lane = lane::in_place;
    if ((flags & uapi::f_user_copy) != 0) c.lane = lane::user_copy;
    if ((flags & uapi::f_shmem_zc) != 0) c.lane = lane::shared_memory;
    if ((flags & uapi::f_supp_zero_copy) != 0) c.lane = lane::zero_copy_manual;
    if ((flags & uapi::f_auto_buf_reg) != 0) c.lane = lane::zero_copy;
    if ((flags & uapi::f_batch_io) != 0) c.delivery = delivery::in_batches;
    c.lane_why = c.delivery_why = "the device was made so";
    return c;
}

}  // namespace ashlar::device_room
