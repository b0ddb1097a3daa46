// SPDX-License-Identifier: MIT
// The nodes of a device: they appear when devtmpfs or udev has made them, not when the kernel's
// command returns. A node is taken only if its number is the device's.
#pragma once

#include "os/machine.hpp"

namespace ashlar::device_room {

std::string char_path(std::uint32_t id);   // /dev/ublkc0
std::string block_path(std::uint32_t id);  // /dev/ublkb0
std::string disk_name(std::uint32_t id);   // ublkb0

// Opened for reading and writing. The kernel lets in one at a time, and udev may be there first.
result<int> open_char_node(os::machine& m, std::uint32_t id);
// Waits until the block node is there and udev, where it runs, has handled it. The disk came at
// `since_ns` (of the machine's now_ns) or later.
result<> await_block_node(os::machine& m, std::uint32_t id, std::uint64_t since_ns);

}  // namespace ashlar::device_room
