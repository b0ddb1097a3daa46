// SPDX-License-Identifier: MIT
// A process whose work is one device: from its start to a signal, or to its removal by others.
#pragma once

#include "device/life.hpp"

#include <functional>

namespace ashlar::device_room {

// `ready` is called once, when the node is usable. Signals SIGINT, SIGTERM and SIGHUP are taken
// over for the time of the call, which must come before the process has other threads.
result<> run_server(target served, options wanted,
                    const std::function<void(const device::implementation&)>& ready);

}  // namespace ashlar::device_room
