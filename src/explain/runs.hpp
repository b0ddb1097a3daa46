// SPDX-License-Identifier: MIT
// Runs of bytes inside one line, in the forms in which programs and people write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ashlar::explain {

inline constexpr std::size_t least_bytes_of_run = 8, most_bytes_of_run = 1 << 16;

struct run {
    std::vector<std::uint8_t> bytes = {};
    std::size_t begin = 0, end = 0;  // in the line
    // Bytes in each group, if the groups may be numbers whose low byte comes first; else 1.
    std::size_t width = 1;
    bool numbers = false;   // the groups are numbers for sure
    bool doubtful = false;  // many other things look the same
};

bool is_hex_digit(char c);
bool is_word_character(char c);
std::string_view without_blanks(std::string_view s);
std::size_t hex_digits(std::string_view s);  // how many stand in front
void append_hex(std::vector<std::uint8_t>& to, std::string_view digits);
// Each group of `width` bytes the other way round; what is left over stays.
std::vector<std::uint8_t> swapped(std::vector<std::uint8_t> bytes, std::size_t width);

// "32 00", "0x32, 0x00", "32:00", "{0x32, 0x0 <repeats 15 times>}", "0x0000002e 0x00000003".
std::optional<run> listed_at(std::string_view line, std::size_t at);
// "[46, 0, 0, 3]" as Go, Rust and Python print it, also in hex as Rust's {:x?} does: "[2e, 0, 3]".
std::optional<run> bracketed_at(std::string_view line, std::size_t at);
// "2e000000…", also behind 0x.
std::optional<run> plain_at(std::string_view line, std::size_t at);
// A string with escapes, in quotes or bare: b'.\x00', "\56\0\0", "\6u", '\000' <repeats 75 times>.
// `read_to` is how far it was read, also if it is none: no other begins before.
std::optional<run> escaped_at(std::string_view line, std::size_t at, std::size_t& read_to);
// The same, also if it is a text; how many escapes it has.
std::optional<run> string_at(std::string_view line, std::size_t at, std::size_t& read_to,
                             std::size_t& escapes);
// A whole line of base64.
std::optional<run> base64_in(std::string_view line);

}  // namespace ashlar::explain
