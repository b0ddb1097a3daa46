// SPDX-License-Identifier: MIT
// Bytes that stand in a text: in any of the forms in which people and programs write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct blob {
    std::vector<std::uint8_t> bytes = {};
    std::size_t first_line = 0, last_line = 0;  // from 1
    std::size_t width = 1;                      // bytes in each group, if the groups may be numbers
    bool numbers = false;                       // they are
    bool doubtful = false;  // it may be anything, if it is not one of the driver's structures
};

// Plain digits, pairs with blanks, colons or commas, 0x before each, arrays of C, Go, Rust and
// Python (also in decimal, and one number in each line), strings with escapes, hexdump, od and xxd
// in all their forms, what gdb's x and p print, print_hex_dump of the kernel, base64. At least 8
// bytes; a number such as 0xc0207504 is none. `lines` are those of one text, without their ends.
std::vector<blob> find_blobs(const std::vector<std::string_view>& lines);

std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace ashlar::explain
