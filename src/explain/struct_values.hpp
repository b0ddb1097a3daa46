// SPDX-License-Identifier: MIT
// The fields of a struct that a rule looks at, with their values.
#pragma once

#include "explain/evidence.hpp"

#include <string>
#include <string_view>

namespace ashlar::explain {

// "basic.max_sectors = 7 sectors (3584 bytes)"; empty for rules about other things.
std::string struct_values(std::string_view rule, const evidence& seen);

}  // namespace ashlar::explain
