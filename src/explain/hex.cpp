// SPDX-License-Identifier: MIT
#include "explain/hex.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace ashlar::explain {

namespace {

constexpr std::size_t least_bytes = 8, most_bytes = 1 << 16;

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_gap(char c) { return c == ' ' || c == '\t' || c == ',' || c == ':' || c == '-'; }

std::string_view trimmed(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) {
        s.remove_suffix(1);
    }
    return s;
}

std::uint8_t number(std::string_view digits, int base) {
    unsigned value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return static_cast<std::uint8_t>(value);
}

void append_digits(std::vector<std::uint8_t>& to, std::string_view digits, bool swapped = false) {
    const std::size_t start = to.size();
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        to.push_back(number(digits.substr(i, 2), 16));
    }
    if (swapped) std::reverse(to.begin() + static_cast<std::ptrdiff_t>(start), to.end());
}

std::size_t hex_run(std::string_view s) {
    const auto* end = std::ranges::find_if_not(s, is_hex);
    return static_cast<std::size_t>(end - s.begin());
}

// A line of a dump: an offset, groups of digits, and perhaps the characters behind them.
struct dump_line {
    std::uint64_t offset_hex = 0, offset_octal = 0;
    std::vector<std::uint8_t> bytes;
};

std::optional<dump_line> dump_line_of(std::string_view line) {
    line = trimmed(line);
    const std::size_t n = hex_run(line);
    if (n < 4 || n > 16 || n == line.size()) return std::nullopt;
    const std::string_view offset = line.substr(0, n);
    line.remove_prefix(n);
    const bool colon = line.front() == ':';
    if (!colon && line.front() != ' ') return std::nullopt;
    if (colon) line.remove_prefix(1);
    dump_line d;
    std::from_chars(offset.data(), offset.data() + n, d.offset_hex, 16);
    std::from_chars(offset.data(), offset.data() + n, d.offset_octal, 8);
    std::size_t width = 0;
    while (d.bytes.size() < 32) {
        std::size_t blanks = 0;
        while (blanks < line.size() && line[blanks] == ' ') ++blanks;
        if (blanks == 0 || (colon && blanks > 1 && width != 0)) break;
        line.remove_prefix(blanks);
        const std::size_t group = hex_run(line);
        const bool ends = group == line.size() || line[group] == ' ';
        // The last group of xxd may be half a one.
        const bool fits = group == 2 || group == 4 || (colon && group == 8);
        if (!fits || !ends || (width != 0 && group > width)) break;
        if (width == 0) width = group;
        append_digits(d.bytes, line.substr(0, group), !colon && group == 4);
        line.remove_prefix(group);
    }
    if (d.bytes.empty()) return std::nullopt;
    return d;
}

// A run of bytes with something between them: "32 00", "0x32, 0x00", "32:00".
struct run {
    std::vector<std::uint8_t> bytes;
    std::size_t begin = 0, end = 0;  // in the line
};

std::optional<run> listed_at(std::string_view line, std::size_t at) {
    run r{.begin = at, .end = at};
    const bool prefixed = line.substr(at, 2) == "0x" || line.substr(at, 2) == "0X";
    while (at < line.size() && r.bytes.size() < most_bytes) {
        if (prefixed) {
            if (line.substr(at, 2) != "0x" && line.substr(at, 2) != "0X") break;
            at += 2;
        }
        const std::size_t n = hex_run(line.substr(at));
        const bool stops = at + n == line.size() || !is_word(line[at + n]);
        const bool whole_words = !prefixed && n >= 4 && n % 2 == 0 && n <= 16;
        if (!stops || n == 0 || (prefixed ? n > 2 : n != 2 && !whole_words)) break;
        if (prefixed) r.bytes.push_back(number(line.substr(at, n), 16));
        else append_digits(r.bytes, line.substr(at, n));
        at += n;
        r.end = at;
        while (at < line.size() && is_gap(line[at])) ++at;
    }
    if (r.bytes.empty()) return std::nullopt;
    return r;
}

// As Go prints a slice of bytes: "[46 0 0 0 3]".
std::optional<run> decimal_at(std::string_view line, std::size_t at) {
    run r{.begin = at, .end = at};
    ++at;
    while (at < line.size() && line[at] != ']') {
        unsigned value = 256;
        const char* from = line.data() + at;
        const auto [stop, problem] = std::from_chars(from, line.data() + line.size(), value);
        if (problem != std::errc{} || value > 255) return std::nullopt;
        r.bytes.push_back(static_cast<std::uint8_t>(value));
        at += static_cast<std::size_t>(stop - from);
        while (at < line.size() && (line[at] == ' ' || line[at] == ',')) ++at;
    }
    if (at == line.size() || r.bytes.size() < least_bytes) return std::nullopt;
    r.end = at + 1;
    return r;
}

std::optional<run> plain_at(std::string_view line, std::size_t at) {
    const std::size_t begin = at;
    const bool prefixed = line.substr(at, 2) == "0x";
    if (prefixed) at += 2;
    const std::size_t n = hex_run(line.substr(at));
    const bool stops = at + n == line.size() || !is_word(line[at + n]);
    if (!stops || n % 2 != 0 || n < (prefixed ? 2 * least_bytes + 2 : 2 * least_bytes)) {
        return std::nullopt;
    }
    run r{.begin = begin, .end = at + n};
    append_digits(r.bytes, line.substr(at, std::min(n, 2 * most_bytes)));
    return r;
}

class finder {
public:
    std::vector<blob> found;

    void take(std::string_view line, std::size_t number) {
        if (take_dump(line, number)) return;
        in_dump_ = false;
        take_runs(line, number);
    }
    void finish() {
        std::erase_if(found, [](const blob& b) { return b.bytes.size() < least_bytes; });
    }

private:
    bool in_dump_ = false, squeezed_ = false;
    // A list, or digits, that may go on in the next line.
    bool open_ = false;

    bool take_dump(std::string_view line, std::size_t number) {
        if (in_dump_ && trimmed(line) == "*") return squeezed_ = true;
        auto d = dump_line_of(line);
        if (!d) return false;
        if (!in_dump_ || d->offset_hex == 0) {
            if (d->offset_hex != 0) return false;
            found.push_back({{}, number, number});
        }
        std::vector<std::uint8_t>& bytes = found.back().bytes;
        const std::size_t have = bytes.size();
        if (squeezed_ && d->offset_hex > have && d->offset_hex < most_bytes && have >= 16) {
            for (std::size_t i = have; i < d->offset_hex; ++i) bytes.push_back(bytes[i - 16]);
        } else if (d->offset_hex != have && d->offset_octal != have) {
            return false;
        }
        if (bytes.size() < most_bytes) {
            bytes.insert(bytes.end(), d->bytes.begin(), d->bytes.end());
        }
        found.back().last_line = number;
        in_dump_ = true;
        squeezed_ = open_ = false;
        return true;
    }

    void add(run r, std::string_view line, std::size_t number, bool list) {
        const std::string_view before = trimmed(line.substr(0, r.begin));
        const std::string_view after = trimmed(line.substr(r.end));
        const bool by_gdb = before.starts_with("0x") && before.ends_with(':');
        const bool at_start = before.empty() || before == "{" || before == "[" || by_gdb;
        if (open_ && at_start && found.back().last_line + 1 == number) {
            auto& bytes = found.back().bytes;
            if (bytes.size() < most_bytes) {
                bytes.insert(bytes.end(), r.bytes.begin(), r.bytes.end());
            }
            found.back().last_line = number;
        } else {
            found.push_back({std::move(r.bytes), number, number});
        }
        const bool at_end = after.empty() || after == "," || after == "\\";
        // xxd -p makes lines of 30 bytes.
        open_ = at_end && (list || (at_start && found.back().bytes.size() % 30 == 0));
    }

    void take_runs(std::string_view line, std::size_t number) {
        bool any = false;
        for (std::size_t i = 0; i < line.size();) {
            const bool begins = i == 0 || !is_word(line[i - 1]);
            if (begins && line[i] == '[') {
                if (auto r = decimal_at(line, i)) {
                    i = r->end;
                    add(std::move(*r), line, number, true);
                    any = true;
                    continue;
                }
            }
            if (!begins || !is_hex(line[i])) {
                ++i;
                continue;
            }
            if (auto p = plain_at(line, i)) {
                i = p->end;
                add(std::move(*p), line, number, false);
                any = true;
                continue;
            }
            auto l = listed_at(line, i);
            const bool goes_on = open_ && l && found.back().last_line + 1 == number &&
                                 trimmed(line.substr(0, i)).empty();
            if (l && (l->bytes.size() >= least_bytes || goes_on)) {
                i = l->end;
                add(std::move(*l), line, number, true);
                any = true;
                continue;
            }
            // Also past what was no list, which may be long.
            const std::size_t past = l ? l->end : i + 1;
            i = std::max(past, i + 1);
        }
        if (!any) open_ = false;
    }
};

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::vector<blob> find_blobs(const std::vector<std::string_view>& lines) {
    finder f;
    for (std::size_t i = 0; i < lines.size(); ++i) f.take(lines[i], i + 1);
    f.finish();
    return f.found;
}

}  // namespace ashlar::explain
