// SPDX-License-Identifier: MIT
// The output of strace: follows the files of ublk and the rings, and explains what failed.
#pragma once

#include "explain/explain.hpp"

#include <set>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct trace {
    bool is_strace = false;
    std::vector<finding> findings;
    std::set<std::size_t> lines;  // that are calls of it
};

struct document;
class session;

// `calls` is what else the text tells of the driver.
trace read_strace(const document& d, const rules::kernel& k, session& calls);

}  // namespace ashlar::explain
