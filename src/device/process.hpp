// SPDX-License-Identifier: MIT
// What a process that serves disks does to itself.
#pragma once

#include <ashlar/error.hpp>

namespace ashlar::device_room {

// Keeps this process's memory from being swapped, now and later; each page from its first use on.
// A server that waits for its own disk to bring back a page waits for ever.
result<> lock_process_memory();

}  // namespace ashlar::device_room
