// SPDX-License-Identifier: MIT
#include "explain/runs.hpp"

#include "explain/shape.hpp"

#include <algorithm>
#include <charconv>

namespace ashlar::explain {

namespace {

bool is_gap(char c) { return c == ' ' || c == '\t' || c == ',' || c == ':' || c == '-'; }
bool is_octal(char c) { return c >= '0' && c <= '7'; }

std::uint8_t number(std::string_view digits, int base) {
    unsigned value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return static_cast<std::uint8_t>(value);
}
bool starts_with_0x(std::string_view s) { return s.starts_with("0x") || s.starts_with("0X"); }

// How often gdb says that what stands before comes: "<repeats 15 times>"; 0 if it says nothing.
std::size_t take_repeats(std::string_view line, std::size_t& at) {
    constexpr std::string_view word = " <repeats ";
    if (!line.substr(at).starts_with(word)) return 0;
    std::size_t times = 0;
    const char* from = line.data() + at + word.size();
    const auto [stop, problem] = std::from_chars(from, line.data() + line.size(), times);
    const auto close = line.find('>', at);
    if (problem != std::errc{} || close == std::string_view::npos) return 0;
    at = close + 1;
    return std::min(times, most_bytes_of_run);
}

void repeat_last(std::vector<std::uint8_t>& bytes, std::size_t size, std::size_t times) {
    const std::vector<std::uint8_t> last(bytes.end() - static_cast<std::ptrdiff_t>(size),
                                         bytes.end());
    for (std::size_t i = 1; i < times && bytes.size() < most_bytes_of_run; ++i) {
        bytes.insert(bytes.end(), last.begin(), last.end());
    }
}

// The bytes of a group of digits; false if it does not go on with what came before.
bool take_group(run& r, std::string_view digits, bool prefixed) {
    const std::size_t n = digits.size();
    if (n == 0 || (!prefixed && n != 2 && (n < 4 || n % 2 != 0 || n > 16))) return false;
    const bool is_byte = n <= 2;
    if (prefixed && !is_byte && n != 4 && n != 8 && n != 16) return false;
    const std::size_t width = is_byte ? 1 : n / 2;
    if (prefixed && !r.bytes.empty() && width != r.width) return false;
    if (r.bytes.empty()) r.width = width;
    else if (width != r.width) r.width = 1;  // groups of different widths are no numbers
    if (is_byte) r.bytes.push_back(number(digits, 16));
    else append_hex(r.bytes, digits);
    return true;
}

// The numbers of a list in brackets; nothing if one of them is none.
std::optional<run> bracketed(std::string_view line, std::size_t at, int base) {
    run r{.begin = at++};
    while (at < line.size() && line[at] != ']') {
        unsigned value = 256;
        const char* from = line.data() + at;
        const auto [stop, problem] = std::from_chars(from, line.data() + line.size(), value, base);
        if (problem != std::errc{} || value > 255) return std::nullopt;
        r.bytes.push_back(static_cast<std::uint8_t>(value));
        at += static_cast<std::size_t>(stop - from);
        while (at < line.size() && (line[at] == ' ' || line[at] == ',')) ++at;
    }
    if (at == line.size() || r.bytes.size() < least_bytes_of_run) return std::nullopt;
    r.end = at + 1;
    return r;
}

// What stands behind a backslash.
std::uint8_t take_escape(std::string_view line, std::size_t& at) {
    const char c = line[at];
    if (c == 'x') {
        const std::size_t n = std::min<std::size_t>(2, hex_digits(line.substr(at + 1)));
        const std::uint8_t value = number(line.substr(at + 1, n), 16);
        at += 1 + n;
        return value;
    }
    if (is_octal(c)) {
        std::size_t n = 1;
        while (n < 3 && at + n < line.size() && is_octal(line[at + n])) ++n;
        const std::uint8_t value = number(line.substr(at, n), 8);
        at += n;
        return value;
    }
    ++at;
    constexpr std::string_view names = "abtnvfre";
    constexpr std::uint8_t values[] = {7, 8, 9, 10, 11, 12, 13, 27};
    const auto known = names.find(c);
    return known == std::string_view::npos ? static_cast<std::uint8_t>(c) : values[known];
}

// The string in quotes at `at`, added to the bytes; false if it does not end.
bool take_quoted(std::string_view line, std::size_t& at, run& r, std::size_t& escapes) {
    const char quote = line[at];
    std::size_t i = at + 1;
    const std::size_t had = r.bytes.size();
    while (i < line.size() && line[i] != quote && r.bytes.size() < most_bytes_of_run) {
        if (line[i] == '\\' && i + 1 < line.size()) {
            r.bytes.push_back(take_escape(line, ++i));
            ++escapes;
        } else {
            r.bytes.push_back(static_cast<std::uint8_t>(line[i++]));
        }
    }
    if (i >= line.size() || line[i] != quote) return false;
    at = i + 1;
    if (const auto times = take_repeats(line, at); times > 0 && r.bytes.size() > had) {
        repeat_last(r.bytes, r.bytes.size() - had, times);
    }
    return true;
}

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string_view without_blanks(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) {
        s.remove_suffix(1);
    }
    return s;
}

std::size_t hex_digits(std::string_view s) {
    return static_cast<std::size_t>(std::ranges::find_if_not(s, is_hex_digit) - s.begin());
}

void append_hex(std::vector<std::uint8_t>& to, std::string_view digits) {
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        to.push_back(number(digits.substr(i, 2), 16));
    }
}

std::vector<std::uint8_t> swapped(std::vector<std::uint8_t> bytes, std::size_t width) {
    for (std::size_t i = 0; i + width <= bytes.size(); i += width) {
        const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(i);
        std::reverse(from, from + static_cast<std::ptrdiff_t>(width));
    }
    return bytes;
}

std::optional<run> listed_at(std::string_view line, std::size_t at) {
    run r{.begin = at, .end = at};
    const bool prefixed = starts_with_0x(line.substr(at));
    while (at < line.size() && r.bytes.size() < most_bytes_of_run) {
        if (prefixed) {
            if (!starts_with_0x(line.substr(at))) break;
            at += 2;
        }
        const std::size_t n = hex_digits(line.substr(at));
        const bool stops = at + n == line.size() || !is_word_character(line[at + n]);
        if (!stops || !take_group(r, line.substr(at, n), prefixed)) break;
        at += n;
        if (const auto times = take_repeats(line, at)) repeat_last(r.bytes, r.width, times);
        r.end = at;
        while (at < line.size() && is_gap(line[at])) ++at;
    }
    if (r.bytes.empty()) return std::nullopt;
    r.numbers = r.doubtful = prefixed && r.width > 1;
    return r;
}

std::optional<run> bracketed_at(std::string_view line, std::size_t at) {
    auto decimal = bracketed(line, at, 10);
    if (decimal && shape_of(decimal->bytes)) return decimal;
    auto hex = bracketed(line, at, 16);
    return hex && (!decimal || shape_of(hex->bytes)) ? hex : decimal;
}

std::optional<run> plain_at(std::string_view line, std::size_t at) {
    const std::size_t begin = at;
    const bool prefixed = line.substr(at, 2) == "0x";
    if (prefixed) at += 2;
    const std::size_t n = hex_digits(line.substr(at));
    const bool stops = at + n == line.size() || !is_word_character(line[at + n]);
    if (!stops || n % 2 != 0 || n < 2 * least_bytes_of_run + (prefixed ? 2 : 0)) {
        return std::nullopt;
    }
    run r{.begin = begin, .end = at + n};
    append_hex(r.bytes, line.substr(at, std::min(n, 2 * most_bytes_of_run)));
    return r;
}

std::optional<run> string_at(std::string_view line, std::size_t at, std::size_t& read_to,
                             std::size_t& escapes) {
    run r{.begin = at, .doubtful = true};
    if (line[at] == '\\') {
        while (at + 3 < line.size() && line[at] == '\\' && line[at + 1] == 'x' &&
               r.bytes.size() < most_bytes_of_run) {
            r.bytes.push_back(take_escape(line, ++at));
            ++escapes;
        }
    } else {
        // gdb divides a string where characters repeat: "\006u", '\000' <repeats 11 times>, "\001".
        for (;;) {
            const bool ends = take_quoted(line, at, r, escapes);
            read_to = ends ? at : line.size();
            if (!ends) return std::nullopt;
            const bool goes_on =
                line.substr(at).starts_with(", \"") || line.substr(at).starts_with(", '");
            if (!goes_on || r.bytes.size() >= most_bytes_of_run) break;
            at += 2;
        }
    }
    r.end = read_to = std::max(at, r.begin + 1);
    return r;
}

std::optional<run> escaped_at(std::string_view line, std::size_t at, std::size_t& read_to) {
    std::size_t escapes = 0;
    auto r = string_at(line, at, read_to, escapes);
    if (!r || escapes < 2 || r->bytes.size() < least_bytes_of_run) return std::nullopt;
    const bool is_text = std::ranges::all_of(r->bytes, [](auto b) { return b >= 9 && b < 127; });
    return is_text ? std::nullopt : r;
}

std::optional<run> base64_in(std::string_view line) {
    const std::string_view text = without_blanks(line);
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    if (text.empty() || text.size() % 4 != 0) return std::nullopt;
    run r{.begin = static_cast<std::size_t>(text.data() - line.data())};
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int value = i + padding >= text.size() ? 0 : base64_value(text[i]);
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (i % 4 != 3) continue;
        for (int shift : {16, 8, 0}) r.bytes.push_back(static_cast<std::uint8_t>(bits >> shift));
    }
    r.bytes.resize(r.bytes.size() - padding);
    r.end = r.begin + text.size();
    return r;
}

}  // namespace ashlar::explain
