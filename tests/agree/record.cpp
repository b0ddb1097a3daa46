// SPDX-License-Identifier: MIT
#include "record.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fnmatch.h>
#include <fstream>

namespace agree {

std::string record::outcome(unsigned number) const {
    const std::string start = fmt::format("{} ", number + 1);
    for (const std::string& line : lines) {
        const auto arrow = line.find(" => ");
        if (!line.starts_with(start) || arrow == std::string::npos) continue;
        const auto from = arrow + 4;
        return line.substr(from, line.find_first_of(" ;", from) - from);
    }
    return {};
}

unsigned version_of(const std::string& system) {
    unsigned major = 0, minor = 0;
    const auto blank = system.find(' ');
    if (blank != std::string::npos) std::sscanf(system.c_str() + blank, "%u.%u", &major, &minor);
    return major * 100 + minor;
}

records read_records(const std::string& path) {
    records all;
    std::ifstream file(path);
    record* current = nullptr;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("# ")) {
            all.system = line.substr(2);
            all.version = version_of(all.system);
        } else if (line.starts_with("sequence ")) {
            const std::string id = line.substr(9);
            if (!all.of.contains(id)) all.order.push_back(id);
            // What was asked for again counts as it is then.
            current = &all.of[id];
            current->lines.clear();
        } else if (current != nullptr) {
            current->lines.push_back(line);
        }
    }
    return all;
}

std::string explanation(const std::string& explained, unsigned version, const std::string& id) {
    std::ifstream file(explained);
    const std::string kernel = fmt::format("{}.{}", version / 100, version % 100);
    for (std::string line; std::getline(file, line);) {
        const auto blank = line.find(' '), colon = line.find(": ");
        if (line.starts_with("#") || blank == std::string::npos || colon == std::string::npos) {
            continue;
        }
        const std::string sequence = line.substr(blank + 1, colon - blank - 1);
        if (fnmatch(line.substr(0, blank).c_str(), kernel.c_str(), FNM_EXTMATCH) == 0 &&
            fnmatch(sequence.c_str(), id.c_str(), FNM_EXTMATCH) == 0) {
            return line.substr(colon + 2);
        }
    }
    return {};
}

}  // namespace agree
