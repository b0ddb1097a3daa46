// SPDX-License-Identifier: MIT
// A process whose work is one device: from its start to a signal, or to its removal by others.
// hand_over_signal has it answer what it has and let the device go to another server; if none takes
// it, it serves on.
#pragma once

#include "device/life.hpp"

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::device_room {

inline constexpr int hand_over_signal = SIGUSR1;

// What `show` tells of a server beside its counters: what it has given up.
using confinement = std::vector<std::string>;

// Makes the device, or takes over one that waits for a server. `ready` is called once, when the
// node is usable. Signals SIGINT, SIGTERM, SIGHUP and SIGUSR1 are taken over for the time of the
// call, which must come before the process has other threads. `confined` may change until `ready`
// has returned.
result<> run_server(target served, options wanted,
                    const std::function<void(const device::implementation&)>& ready,
                    std::optional<std::uint32_t> taken_over = {},
                    const confinement* confined = nullptr);

// The server's side of its device's socket: the answer to a question, a line.
std::string answer_question(device::implementation& d, std::string_view question,
                            const confinement& confined = {});

}  // namespace ashlar::device_room
