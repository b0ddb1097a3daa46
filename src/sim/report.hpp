// SPDX-License-Identifier: MIT
// What ashlar-sim prints.
#pragma once

#include "sim/options.hpp"
#include "sim/runner.hpp"

#include <string>

namespace ashlar::sim {

std::string text_of(const outcome& o);
std::string json_of(const outcome& o);
// What broke, so many of the last events, and the command that does it again.
std::string text_of(const finding& f, const plan& p, const std::string& command,
                    std::size_t events);
std::string command_of(const asked& a, std::uint64_t seed, const std::string& cuts);

// A line of a terminal that is written again and again; silent where there is no terminal.
class progress_line {
public:
    explicit progress_line(bool wanted);
    progress_line(const progress_line&) = delete;
    progress_line& operator=(const progress_line&) = delete;
    ~progress_line();
    // `part`: from 0 to 1 of the whole.
    void show(double part, const std::string& text);
    void clear();

private:
    bool on_, shown_ = false;
};

}  // namespace ashlar::sim
