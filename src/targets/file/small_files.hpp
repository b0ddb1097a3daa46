// SPDX-License-Identifier: MIT
// Reading /proc and /sys: what is not there is empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::targets {

std::string contents(const std::string& path);
std::vector<std::string> lines_of(const std::string& path);
std::vector<std::string> words_of(const std::string& line);
// Of a directory, without those that begin with a dot.
std::vector<std::string> names_in(const std::string& directory);
// The number that the file begins with.
std::optional<std::uint64_t> number_in(const std::string& path);

}  // namespace ashlar::targets
