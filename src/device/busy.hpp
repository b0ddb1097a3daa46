// SPDX-License-Identifier: MIT
// Stopping a device that may be in use.
#pragma once

#include "control/control.hpp"

namespace ashlar::device_room {

// Stops the device unless somebody uses its disk: then the error (EBUSY) says who. What udev opens
// for a moment does not count. Linux before 7.0 can't do it in one step: there a user that comes
// between the look and the stop loses the disk.
result<> stop_if_idle(control::control& c, os::machine& m, std::uint32_t id);

}  // namespace ashlar::device_room
