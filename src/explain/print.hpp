// SPDX-License-Identifier: MIT
// An explanation for a person, and for a program.
#pragma once

#include "explain/explain.hpp"

#include <string>

namespace ashlar::explain {

struct style {
    bool colour = false;
    bool all = false;  // every field and every candidate
    std::size_t width = 100;
};

std::string to_text(const explanation& e, const style& how);
std::string to_json(const explanation& e);

// The page of troubleshooting: each command's errnos, and the rules that give them.
std::string troubleshooting_page();

}  // namespace ashlar::explain
