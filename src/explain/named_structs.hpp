// SPDX-License-Identifier: MIT
// Structures that a text has in words: "queues=1, depth=32, flags=0x40, devID=4294967295", as gdb,
// Go, Rust and JSON print them, in one line or one field in each.
#pragma once

#include "explain/document.hpp"

namespace ashlar::explain {

const number_word* number_named(const std::vector<number_word>& all,
                                std::initializer_list<std::string_view> keys);

class named_structs {
public:
    // What ends with this line.
    std::vector<dump> take(std::string_view line, const line_words& words, std::size_t number);

private:
    std::vector<number_word> open_;  // of the lines of one structure
    std::size_t since_ = 0;
};

}  // namespace ashlar::explain
