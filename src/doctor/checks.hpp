// SPDX-License-Identifier: MIT
// The machine, from top to bottom, without touching it.
#pragma once

#include "doctor/devices.hpp"

namespace ashlar::doctor {

// The kernel and its driver.
finding check_kernel(const scene& s);
finding check_config(const scene& s);
finding check_module(const scene& s);
finding check_device_limit(const scene& s);
std::vector<finding> check_known_bugs(const scene& s);  // the first counts them
finding check_features(const scene& s);
// What a server needs of the system.
finding check_control_node(const scene& s);
finding check_rights(const scene& s);
finding check_io_uring(const scene& s);
finding check_limits(const scene& s);
finding check_run_directory(const scene& s);
finding check_udev(const scene& s);
finding check_name_spaces(const scene& s);
finding check_swap(const scene& s, const std::vector<device_view>& devices);

// All of these, and a finding for each device.
std::vector<finding> check_all(const scene& s);

enum class module_state : std::uint8_t { absent, present, loaded, built_in };
module_state state_of_module(const scene& s);

}  // namespace ashlar::doctor
