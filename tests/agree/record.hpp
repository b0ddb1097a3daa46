// SPDX-License-Identifier: MIT
// Files of records: what sequences came to on one system.
#pragma once

#include "step.hpp"

#include <map>

namespace agree {

struct record {
    std::vector<std::string> lines;  // without "sequence ID"
    [[nodiscard]] bool complete() const {
        return !lines.empty() && lines.back().starts_with("end ");
    }
    // The first word of what came of a step at once ("-EINVAL"); "" if it was not done.
    [[nodiscard]] std::string outcome(unsigned number) const;
};

struct records {
    std::string system;    // "linux 6.12.117", "twin 6.12"
    unsigned version = 0;  // 612
    std::map<std::string, record> of;
    std::vector<std::string> order;
};

records read_records(const std::string& path);
unsigned version_of(const std::string& system);  // "linux 6.12.117" gives 612

// Prints what differs; 0 if nothing is left unexplained.
int compare(const records& real, const records& twin, const std::string& explained);
// Rule by kernel, as markdown.
std::string table_of(const std::vector<records>& reals, const std::vector<records>& twins,
                     const std::string& explained);
// A reason for each difference that has one: lines "KERNEL SEQUENCE: why", both patterns.
std::string explanation(const std::string& explained, unsigned version, const std::string& id);

}  // namespace agree
