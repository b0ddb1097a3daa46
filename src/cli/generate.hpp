// SPDX-License-Identifier: MIT
// What is made of the tables of verbs, options and targets: the man page and the completions; and
// of the rules of the driver: their page.
#pragma once

#include "cli/command_line.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ashlar::cli {

std::string man_page();
std::string bash_completion();
std::string zsh_completion();
std::string fish_completion();
std::string rules_page();  // docs/rules.md

// A name of a device for completions: its number, or the name it was given.
struct device_word {
    std::string word;
    std::string description;
};
// What can be known at once and without privileges; empty where nothing is.
std::vector<device_word> device_words();

// The names of the verbs that people see and that take such operands.
std::vector<std::string_view> verbs_that_take(operands what);

// The names of all options that take a value, as words of the command line: "--depth".
std::vector<std::string> options_with_value();

// In single quotes, with `quote` standing for a quote in the text.
std::string quoted(std::string_view text, std::string_view quote);

}  // namespace ashlar::cli
