// SPDX-License-Identifier: MIT
// The proof of the pudding: a tiny device is made, read, and taken away again, in eight steps.
#pragma once

#include <ashlar/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ashlar::doctor {

struct trial_step {
    std::string name;  // "ADD_DEV"
    bool done = false;
    std::uint64_t took_ns = 0;
    std::string detail = {};
};

struct trial {
    std::vector<trial_step> steps;  // up to the one that failed
    std::optional<error> failed = {};
    std::optional<std::uint32_t> left = {};  // a device that could not be taken away
    [[nodiscard]] bool served() const { return !failed; }
};

// Never waits longer than this for a step. The driver is loaded if it is not.
trial run_trial(std::uint64_t step_limit_ns);

}  // namespace ashlar::doctor
