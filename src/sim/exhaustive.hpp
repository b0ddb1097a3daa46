// SPDX-License-Identifier: MIT
// Not by dice but all of it: every sequence of at most three of write, FUA write, discard and
// write-zeroes on two blocks, and flush; one after the other and all at once; with the power
// failing at every point, and every subset of what was not yet synced on the disk then.
#pragma once

#include "sim/plan.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace ashlar::sim {

struct exhaustive_counts {
    std::uint64_t sequences = 0, crash_points = 0, contents = 0;
};

struct exhaustive_outcome {
    exhaustive_counts counts = {};
    std::string broken = {}, history = {};  // the first sequence that fails
};

// `longest`: operations in a sequence.
exhaustive_outcome run_exhaustive(const rules::kernel& version, medium what, unsigned longest,
                                  const std::function<void(const exhaustive_counts&)>& progress);

}  // namespace ashlar::sim
