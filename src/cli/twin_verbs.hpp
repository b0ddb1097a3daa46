// SPDX-License-Identifier: MIT
// What verbs do with --kernel twin:VERSION.
#pragma once

#include <ashlar/serve.hpp>

#include <cstdint>
#include <string>

namespace ashlar::cli {

// "6.12" of "twin:6.12".
result<std::string> twin_kernel(const std::string& text);

// Serves the target on a kernel in memory, writes and reads it for a while, tells what came of it,
// and gives the program's exit code.
int run_on_twin(target disk, options wanted, const std::string& kernel, std::uint64_t seed);

}  // namespace ashlar::cli
