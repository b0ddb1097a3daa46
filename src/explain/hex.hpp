// SPDX-License-Identifier: MIT
// Bytes that stand in a text: in any of the forms in which people and programs write them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct blob {
    std::vector<std::uint8_t> bytes;
    std::size_t first_line = 0, last_line = 0;  // from 1
};

// Plain digits, pairs with blanks, colons or commas, 0x before each, arrays of C and Go (also as
// Go prints a slice, in decimal), hexdump, hexdump -C, od -tx1, xxd and xxd -p. At least 8 bytes;
// a number such as 0xc0207504 is none. `lines` are those of one text, without their ends.
std::vector<blob> find_blobs(const std::vector<std::string_view>& lines);

std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace ashlar::explain
