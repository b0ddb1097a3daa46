// SPDX-License-Identifier: MIT
// The ublk devices of this machine: what the kernel says of them, and what their records add.
#pragma once

#include "control/control.hpp"
#include "device/record.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::cli {

struct device_entry {
    uapi::ctrl_dev_info info;
    std::optional<device_room::record> record;
    std::string state;       // see state_of
    std::uint64_t size = 0;  // bytes, of the disk; 0 without one
};

// "live", "dead" (its server is gone), "starting", "quiesced", "fail-io".
std::string state_of(const uapi::ctrl_dev_info& info,
                     const std::optional<device_room::record>& record);

// A child that has ended, and whose end nobody has taken note of, does not live.
bool is_alive(int pid);

std::vector<std::uint32_t> device_ids(os::machine& m);
result<device_entry> look_at(control::control& c, os::machine& m, std::uint32_t id);
// Without the directory of nodes or of udev's links, if it is in one.
std::string_view name_in(std::string_view path);
// A device by number, node ("ublkb3", "/dev/ublkb3"), name, or link ("/dev/ashlar/NAME",
// "/dev/disk/by-id/ashlar-NAME").
result<std::uint32_t> find_device(control::control& c, os::machine& m, const std::string& word);

}  // namespace ashlar::cli
