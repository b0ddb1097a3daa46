// SPDX-License-Identifier: MIT
// The lines of strace as system calls, put together where they were interrupted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct system_call {
    std::string_view pid;
    std::string_view name;
    std::vector<std::string> arguments;
    std::int64_t result = 0;
    int error = 0;
    bool unfinished = false;
    std::size_t line = 0;
};

// A line of strace with a call of whatever kind.
bool is_system_call(std::string_view line);

class call_parser {
public:
    // A whole call, also one that was resumed on this line; none for other lines.
    std::optional<system_call> take(std::string_view line, std::size_t number);

    struct waiting {
        std::string name, text;
        std::size_t line;
    };
    std::map<std::string, waiting> unfinished;  // by pid
};

}  // namespace ashlar::explain
