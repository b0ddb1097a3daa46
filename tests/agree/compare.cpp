// SPDX-License-Identifier: MIT
// What differs between a real kernel and the twin.
#include "record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace agree {

namespace {

// How many of the first lines are the same; all, if there is no difference.
std::size_t same_lines(const record& a, const record& b) {
    const auto [left, right] = std::ranges::mismatch(a.lines, b.lines);
    return static_cast<std::size_t>(left - a.lines.begin());
}

bool agrees(const record& a, const record& b) { return a.lines == b.lines; }

void print_difference(const std::string& id, const record& real, const record& twin) {
    const std::size_t same = same_lines(real, twin);
    fmt::print("FAIL {}\n", id);
    for (std::size_t i = 0; i < same; ++i) fmt::print("      {}\n", real.lines[i]);
    const auto print = [&](const char* who, const record& r) {
        for (std::size_t i = same; i < std::min(r.lines.size(), same + 4); ++i) {
            fmt::print(" {} {}\n", who, r.lines[i]);
        }
    };
    print("real", real);
    print("twin", twin);
}

}  // namespace

int compare(const records& real, const records& twin, const std::string& explained) {
    unsigned agreed = 0, differ = 0, known = 0, missing = 0;
    for (const std::string& id : real.order) {
        const record& r = real.of.at(id);
        const auto found = twin.of.find(id);
        if (found == twin.of.end()) {
            missing += 1;
            continue;
        }
        if (agrees(r, found->second)) {
            agreed += 1;
            continue;
        }
        const std::string why = explanation(explained, real.version, id);
        if (!why.empty()) {
            known += 1;
            continue;
        }
        differ += 1;
        print_difference(id, r, found->second);
    }
    fmt::print("{} beside {}: {} sequences agree, {} differ for a known reason, {} differ",
               real.system, twin.system, agreed, known, differ);
    if (missing != 0) fmt::print(", {} the twin was not asked", missing);
    fmt::print("\n");
    return differ == 0 && missing == 0 ? 0 : 1;
}

}  // namespace agree
