// SPDX-License-Identifier: MIT
// The command line: verbs and options as tables, and a parser that accepts nothing else. The same
// tables make --help, the man page and the completions.
#pragma once

#include <ashlar/option.hpp>

#include <string>
#include <vector>

namespace ashlar::cli {

struct verb;

// What was asked for, checked against the tables.
struct command {
    const verb* what = nullptr;
    const target_kind* kind = nullptr;  // of verbs that take a target
    std::vector<std::string> words;     // operands
    option_values values;
};

enum class operands : std::uint8_t {
    none,
    target,
    one_device,
    device_and_size,
    devices,
    one_word,
    words
};

struct verb {
    std::string_view name;
    std::string_view usage;    // what stands behind the verb: "TARGET [SIZE] [OPTION]..."
    std::string_view summary;  // one line
    std::string_view details;  // for --help and the man page; paragraphs, divided by an empty line
    operands takes = operands::none;
    std::span<const option> options = {};
    int (*run)(const command& c) = nullptr;
    bool hidden = false;
};

std::span<const verb> all_verbs();

// Reads the words behind the program's name. An error with `usage` set means exit code 2.
result<command> parse(std::span<const char* const> words);

// The nearest of the candidates, if one is near enough to have been meant.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

std::string help();                         // of the program
std::string help(const verb& v);            // of a verb
std::string help(const target_kind& kind);  // the options of one target

}  // namespace ashlar::cli
