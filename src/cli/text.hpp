// SPDX-License-Identifier: MIT
// Small work on text that several pages of the program need.
#pragma once

#include "cli/command_line.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::cli {

// The parts of `text` between the dividers; none of an empty text.
std::vector<std::string_view> split(std::string_view text, char divider);

// `text` in lines of at most `width`, broken at blanks. The first line begins at `column`, each
// other one behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t width, std::size_t column = 0,
                    std::size_t indent = 0);

// `text` with every mark replaced, in the order of the marks.
struct mark {
    std::string_view name;
    std::string text;
};
std::string filled(std::string_view text, std::span<const mark> marks);

// The verbs that are shown to people, in the table's order.
std::vector<const verb*> visible_verbs();

}  // namespace ashlar::cli
