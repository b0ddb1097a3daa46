// SPDX-License-Identifier: MIT
#include "cli/verbs.hpp"
namespace ashlar::cli {
int run_generate(const command&) { return 2; }
}  // namespace ashlar::cli
