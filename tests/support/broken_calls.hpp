// SPDX-License-Identifier: MIT
// For tests: what to change in a legal call so that it breaks a certain rule.
#pragma once

#include "support/legal_calls.hpp"

#include <span>
#include <string_view>

namespace ashlar::rules {

struct breakage {
    std::string_view id;
    void (*make)(scene&);
};

std::span<const std::span<const breakage>> all_breakages();
// Those of I/O commands and files.
std::span<const breakage> io_breakages();

}  // namespace ashlar::rules
