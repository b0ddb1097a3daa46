// SPDX-License-Identifier: MIT
// The value by which a call breaks a row, in words: what a person compares with what the row wants.
#pragma once

#include "rules/row.hpp"

#include <string>

namespace ashlar::rules {

// "queue_depth is 5000, nr_hw_queues is 1"; empty where the row is not about a value, or it is not
// known.
std::string offending_value(const row& r, const kernel& k, const call& c);

}  // namespace ashlar::rules
