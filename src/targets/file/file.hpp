// SPDX-License-Identifier: MIT
// The target `file` of the program: its options.
#pragma once

#include <ashlar/option.hpp>

namespace ashlar::targets {

extern const target_kind file_kind;

}  // namespace ashlar::targets
