// SPDX-License-Identifier: MIT
// What a line of a report or a log says: commands, errnos, results, named numbers.
#pragma once

#include "explain/judge.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct command_word {
    rules::subject about;
    std::size_t at;
};
struct errno_word {
    int code;
    std::size_t at;
};
// "depth=32", "opcode: 50", "setCmdOp(4)": the key in small letters without what divides words.
struct number_word {
    std::string key;
    std::uint64_t value;
    std::size_t at;
};

struct line_words {
    std::vector<command_word> commands;
    std::vector<errno_word> errors;
    std::vector<number_word> numbers;
    bool never = false;      // hangs, never returns
    bool succeeded = false;  // result 0
    // A sentence of strerror told the errno, rather than its name or number.
    bool sentence = false;
};

line_words words_of(std::string_view line);

// "add_dev", "UBLK_U_CMD_ADD_DEV", "startDevice"; mmap, pread, pwrite.
std::optional<rules::subject> command_named(std::string_view word);
// "EINVAL", "-22", "22"; 0 if it is none.
int errno_of_word(std::string_view word);
// A number in decimal or, behind 0x, in hexadecimal; the whole word.
std::optional<std::uint64_t> number_of_word(std::string_view word);
// In small letters.
std::string lowered(std::string_view text);
// The release of a kernel in the line, and how much it looks like that of the machine meant:
// "Linux 6.11.0-24-generic" 2, "kernel 6.14" 1, none 0. "6.6+" is a range.
struct release_word {
    std::string_view release;
    int rank = 0;
};
release_word kernel_in(std::string_view line);

}  // namespace ashlar::explain
