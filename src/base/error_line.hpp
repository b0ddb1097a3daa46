// SPDX-License-Identifier: MIT
// An error as a line of JSON, from one process to another.
#pragma once

#include <ashlar/error.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ashlar {

// Without a line break.
std::string line_of(const error& e);
// The error that a line tells, if it tells one.
std::optional<error> error_in(std::string_view line);

}  // namespace ashlar
