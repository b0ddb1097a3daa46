// SPDX-License-Identifier: MIT
// What is safe to be mended without asking what it is for: each thing shown before it is done.
#pragma once

#include "doctor/scene.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ashlar::doctor {

struct mending {
    std::string what;  // "load the driver: modprobe ublk_drv"
    std::function<result<>()> how;
};

std::vector<mending> mendings(const scene& s, os::machine& m);

}  // namespace ashlar::doctor
