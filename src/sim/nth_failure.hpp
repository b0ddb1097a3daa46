// SPDX-License-Identifier: MIT
// Each call of a server's life fails once: the first, the second, and so on until none is left; and
// again with all calls from there on. Nothing may be left behind, and the next server comes up.
#pragma once

#include "sim/plan.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace ashlar::sim {

struct failure_counts {
    std::uint64_t lives = 0, failures = 0;
};

struct failure_outcome {
    failure_counts counts = {};
    std::string broken = {}, history = {};
};

// Of starts, and of recoveries where the kernel has the mode.
failure_outcome run_nth_failures(const rules::kernel& version, recovery mode,
                                 const std::function<void(const failure_counts&)>& progress);

}  // namespace ashlar::sim
