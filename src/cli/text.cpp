// SPDX-License-Identifier: MIT
#include "cli/text.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace ashlar::cli {

std::vector<std::string_view> split(std::string_view text, char divider) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = std::min(text.find(divider), text.size());
        parts.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t column,
                    std::size_t indent) {
    std::string out;
    bool line_is_empty = true;
    for (std::string_view word : split(text, ' ')) {
        if (!line_is_empty && column + 1 + word.size() > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
            line_is_empty = true;
        }
        if (!line_is_empty) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
        line_is_empty = false;
    }
    return out;
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
    // Levenshtein's distance, row by row.
    auto distance = [](std::string_view a, std::string_view b) {
        std::vector<std::size_t> row(b.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < a.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i + 1);
            for (std::size_t j = 0; j < b.size(); ++j) {
                const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
            }
        }
        return row.back();
    };
    std::string best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (std::string_view candidate : candidates) {
        // "feat" and "delete" are near, too.
        const bool continued =
            word.size() > 1 && (candidate.starts_with(word) || word.starts_with(candidate));
        const std::size_t d = continued ? 1 : distance(word, candidate);
        if (d >= least) continue;
        least = d;
        best = candidate;
    }
    return best;
}

std::string filled(std::string_view text, std::span<const mark> marks) {
    std::string out(text);
    for (const mark& m : marks) {
        for (auto at = out.find(m.name); at != std::string::npos;
             at = out.find(m.name, at + m.text.size())) {
            out.replace(at, m.name.size(), m.text);
        }
    }
    return out;
}

std::vector<const verb*> visible_verbs() {
    std::vector<const verb*> visible;
    for (const verb& v : all_verbs()) {
        if (!v.hidden) visible.push_back(&v);
    }
    return visible;
}

}  // namespace ashlar::cli
