// SPDX-License-Identifier: MIT
// Kernels whose driver is known to be broken: by range of versions, where the fixes of older lines
// are counted. These are faults of the driver, not its rules: no call is wrong.
#pragma once

#include "rules/call.hpp"
#include "rules/kernel.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace ashlar::rules {

enum class harm : std::uint8_t {
    note,     // an oddity; ashlar lives with it
    trouble,  // some things go wrong, and a person should know which
    unfit,    // no device can be made, or the machine goes down
};

struct known_bug {
    std::string_view id;  // "BUG-12", numbered as in the reference
    range kernels;
    harm how_bad;
    std::span<const subject> about;  // the calls that meet it
    std::string_view what;
    std::string_view remedy;         // what to do; for a note, what ashlar does
    std::string_view fixed_by = {};  // a commit or a CVE, where one is known
    bool hangs = false;              // such a call may not come back
};

std::span<const known_bug> known_bugs();
std::vector<const known_bug*> known_bugs_of(const kernel& k);

}  // namespace ashlar::rules
