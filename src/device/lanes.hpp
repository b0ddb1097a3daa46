// SPDX-License-Identifier: MIT
// The way of the data and of the requests, for a device that is to be made or that exists: what the
// kernel has, what the target can use, what was asked for. Pure functions.
#pragma once

#include "os/machine.hpp"
#include "uapi/ublk.hpp"

#include <ashlar/serve.hpp>

#include <string>

namespace ashlar::device_room {

struct lane_choice {
    ashlar::lane lane = ashlar::lane::plain_copy;          // never automatic
    ashlar::delivery delivery = ashlar::delivery::by_tag;  // never automatic
    std::string lane_why = {}, delivery_why = {};          // for people
};

// Flags that the kernel gives to no device without privileges (rule ADD-8).
inline constexpr std::uint64_t privileged_lanes =
    uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg;
// Refuses what can't be had of a device without privileges. `features` are the kernel's.
result<> check_unprivileged(const options& wanted, std::uint64_t features);

// What the device needs for a choice.
std::uint64_t device_flags(const lane_choice& c);

// Refuses what was asked for and can't be: by this kernel (`features` is its answer to
// GET_FEATURES) or by this target.
result<lane_choice> choose_lane(const options& wanted, const target& served, std::uint64_t features,
                                const os::kernel_version& kernel);

// Of a device that exists: these are its own, whatever a later server would choose.
lane_choice lane_of_device(std::uint64_t flags);

}  // namespace ashlar::device_room
