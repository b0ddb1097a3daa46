// SPDX-License-Identifier: MIT
// The facts of a call, each with its name, and how somebody who does not know it can find it out.
#pragma once

#include "rules/row.hpp"

#include <string>
#include <vector>

namespace ashlar::explain {

// The known facts without which the row would not be broken, as "len = 63, addr = 0x0".
std::string offending_values(const rules::row& r, const rules::kernel& k, const rules::call& c);

// For a row that can't be decided: where to look for what it depends on, one sentence each.
std::vector<std::string_view> where_to_look(const rules::row& r, const rules::kernel& k,
                                            const rules::call& c);

}  // namespace ashlar::explain
