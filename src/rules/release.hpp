// SPDX-License-Identifier: MIT
#pragma once

#include "rules/kernel.hpp"

namespace ashlar::rules {

// The kernel that calls itself so (uname -r): "6.12.43+deb12-amd64". Its configuration is taken to
// be a usual one.
kernel kernel_of_release(std::string_view release);

}  // namespace ashlar::rules
