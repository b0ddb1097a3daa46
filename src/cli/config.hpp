// SPDX-License-Identifier: MIT
// A file of devices, in TOML: for each a table [device.NAME] with its target, and the options of
// `ashlar add` under their long names.
#pragma once

#include "cli/command_line.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ashlar::cli {

struct configured_device {
    std::string name;
    command add;        // as `ashlar add` would have been called
    std::string asked;  // the same as text: equal for devices that are to be equal
};

inline constexpr std::string_view default_config = "/etc/ashlar/devices.toml";

// In the order of the file. An error names the file and the line.
result<std::vector<configured_device>> read_config(const std::string& path);
result<std::vector<configured_device>> parse_config(std::string_view text, std::string_view path);

}  // namespace ashlar::cli
