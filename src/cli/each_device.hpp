// SPDX-License-Identifier: MIT
// Verbs that do something to the devices that are named, or with --all to those of ashlar's.
#pragma once

#include "cli/command_line.hpp"
#include "cli/inventory.hpp"

#include <functional>
#include <optional>
#include <string>

namespace ashlar::cli {

// The devices that the command's words name.
result<std::vector<std::uint32_t>> named_devices(const command& c, control::control& control,
                                                 os::machine& m);

// Does it to each device that is named, or with --all to each that has a record and is `wanted`.
// Reports what fails, goes on with the next, and gives the exit code.
int for_each_device(
    const command& c, bool (*wanted)(const device_entry&),
    const std::function<result<>(control::control&, os::machine&, std::uint32_t)>& act);

// What was done to a device: a line for people, or with --json a document a line. `pause_ns` if
// its users had to wait.
void tell_done(const command& c, std::uint32_t id, const std::string& done,
               std::optional<std::uint64_t> pause_ns = {});

}  // namespace ashlar::cli
