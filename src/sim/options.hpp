// SPDX-License-Identifier: MIT
// The command line of ashlar-sim.
#pragma once

#include "sim/runner.hpp"

#include <ashlar/error.hpp>

#include <span>
#include <string>
#include <vector>

namespace ashlar::sim {

struct asked {
    enum class mode : std::uint8_t { runs, exhaustive, nth_failure, help, man, version };
    mode what = mode::runs;
    runs_wanted runs = {};
    bool shrink = true, json = false, trace = false, progress = true;
    std::vector<std::string> words = {};  // those that a command for one seed has to repeat
};

result<asked> parse(std::span<char* const> words);
std::string help_text();
std::string man_text();

}  // namespace ashlar::sim
