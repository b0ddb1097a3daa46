// SPDX-License-Identifier: MIT
// What a device must be, and a target must have, for the one to be served again by the other.
#pragma once

#include "device/plan.hpp"
#include "os/machine.hpp"

namespace ashlar::device_room {

// Refuses a device that lacks a wished mode of recovery: kernels drop flags that they don't know.
result<> check_recovery_was_granted(os::machine& m, std::uint64_t wished,
                                    const uapi::ctrl_dev_info& made);

// Refuses a device that no server can take over as it is now.
result<> check_waits(const uapi::ctrl_dev_info& info);

// The plan of a device that exists: its shape is the device's own. Refuses a target that can't do
// what the device has promised to its users.
result<plan> plan_of_device(const options& wanted, const target& served, std::size_t page_bytes,
                            const uapi::ctrl_dev_info& info, const uapi::params& params);

}  // namespace ashlar::device_room
