// SPDX-License-Identifier: MIT
// What a process or a device waits for, and in whose hands that lies.
#pragma once

#include "doctor/devices.hpp"

namespace ashlar::doctor {

struct reason {
    std::string what;  // "START_DEV of device 0 waits"
    std::string why;   // "1 of 2 queues has been mapped …"
    std::string remedy = {};
    std::string rule = {};  // of the driver's contract
    bool waits = true;      // false: it says that nothing does
};

std::vector<reason> why_device(const scene& s, std::uint32_t id);
std::vector<reason> why_process(const scene& s, int pid);

}  // namespace ashlar::doctor
