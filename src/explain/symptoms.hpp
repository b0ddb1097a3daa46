// SPDX-License-Identifier: MIT
// What reports tell that is no call with an errno: nodes that are missing, processes that hang, ids
// that are not 0, messages that a program makes up by itself.
#pragma once

#include "explain/explain.hpp"

#include <set>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct document;

// Lines of `calls` are those of strace, which are understood otherwise.
std::vector<finding> symptoms_of(const document& d, const std::set<std::size_t>& calls);

// A message whose errno is a program's own, and not what the kernel answered.
bool is_programs_own(std::string_view line);

}  // namespace ashlar::explain
