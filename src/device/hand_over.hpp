// SPDX-License-Identifier: MIT
// How a new server gets a device from the one that serves it: it asks, waits until the device waits
// for a server, and takes it over (device::recover). If it ends before that, the old one serves on.
#pragma once

#include "os/machine.hpp"

#include <cstdint>
#include <functional>

namespace ashlar::device_room {

// Has the server let go: by the kernel where that can, so that nothing it has fails; else `tell`
// tells the server. Blocks until the kernel has quiesced the device.
result<> ask_to_let_go(os::machine& m, std::uint32_t id, const std::function<result<>()>& tell);

// Blocks until the device waits for a server, or says why it does not, or never will. `asks`: a
// quiesce that finds all tags of a queue with the server is never heard there, and is sent again.
result<> await_let_go(os::machine& m, std::uint32_t id, std::uint64_t limit_ns, bool asks);

}  // namespace ashlar::device_room
