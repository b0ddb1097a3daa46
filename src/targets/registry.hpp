// SPDX-License-Identifier: MIT
// The targets that the program `ashlar` can make.
#pragma once

#include <ashlar/option.hpp>

namespace ashlar::targets {

std::span<const target_kind* const> all_kinds();
// Null if there is none of this name.
const target_kind* find_kind(std::string_view name);

}  // namespace ashlar::targets
