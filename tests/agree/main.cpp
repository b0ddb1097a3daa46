// SPDX-License-Identifier: MIT
// ashlar_agree: the same calls for the twin and for real kernels, and what differs.
#include "enumerated.hpp"
#include "system.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fnmatch.h>
#include <string>
#include <vector>

int main(int count, char** words) {
    std::string only = "*";
    unsigned patience = 1;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(words[i], "--only") == 0 && i + 1 < count) only = words[++i];
        else if (std::strcmp(words[i], "--patience") == 0 && i + 1 < count)
            patience = static_cast<unsigned>(std::stoul(words[++i]));
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    fmt::print("# linux {}\n", agree::linux_name());
    const unsigned version = agree::linux_version();
    for (const agree::sequence& s : agree::enumerated_sequences()) {
        if (version < s.since || version >= s.until) continue;
        if (fnmatch(only.c_str(), s.id.c_str(), FNM_EXTMATCH) != 0) continue;
        const std::string record = agree::run_on_linux(s, patience);
        std::fputs(record.c_str(), stdout);
        if (!record.ends_with("end clean\n")) return 99;
        for (unsigned i = 0; i < s.steps.size(); ++i) {
            for (const auto& e : s.steps[i].expected) {
                if (version < e.since || version >= e.until) continue;
                const std::string line = fmt::format("\n{} ", i + 1);
                const auto at = record.find(line);
                const auto arrow = record.find(" => ", at);
                const auto end = record.find_first_of(" \n;", arrow + 4);
                const std::string got = record.substr(arrow + 4, end - arrow - 4);
                if (got != e.outcome)
                    fmt::print("EXPECTED {} {}: step {} wanted {} got {}\n", s.id, e.rule, i + 1,
                               e.outcome, got);
            }
        }
    }
}
