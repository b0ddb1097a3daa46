// SPDX-License-Identifier: MIT
// Stopping and deleting a device that may be in use.
#pragma once

#include "control/control.hpp"

namespace ashlar::device_room {

// Stops the device unless somebody uses its disk: then the error (EBUSY) says who. What udev opens
// for a moment does not count. Linux before 7.0 can't do it in one step: there a user that comes
// between the look and the stop loses the disk.
result<> stop_if_idle(control::control& c, os::machine& m, std::uint32_t id,
                      std::uint64_t limit_ns = control::usual_limit_ns);

// Deletes a device that was stopped, and waits until its id is free. Where somebody keeps it longer
// than the limit a warning says so, and the kernel goes on by itself: that is no failure, nor is a
// device that somebody else has deleted.
result<> delete_stopped(control::control& c, std::uint32_t id, std::uint64_t limit_ns);

// "mounted at /mnt", "open by fio (pid 7)"
std::string describe(const os::holder& h);

}  // namespace ashlar::device_room
