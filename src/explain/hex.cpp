// SPDX-License-Identifier: MIT
#include "explain/hex.hpp"

#include "explain/runs.hpp"
#include "explain/shape.hpp"
#include "explain/words.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ashlar::explain {

namespace {

// A line of a dump: an offset, groups of digits, and perhaps the characters behind them.
struct dump_line {
    std::uint64_t offset_hex = 0, offset_octal = ~0ull;
    std::vector<std::uint8_t> bytes;
    std::size_t width = 1;
    bool numbers = false;  // od and hexdump print numbers of the machine
};

constexpr bool is_group(std::size_t n) { return n == 2 || n == 4 || n == 8 || n == 16; }

std::optional<dump_line> offset_of(std::string_view& line) {
    const std::size_t n = hex_digits(line);
    if (n < 4 || n > 16) return std::nullopt;
    dump_line d;
    const char *from = line.data(), *to = from + n;
    std::from_chars(from, to, d.offset_hex, 16);
    if (std::from_chars(from, to, d.offset_octal, 8).ptr != to) d.offset_octal = ~0ull;
    line.remove_prefix(n);
    return d;
}

std::optional<dump_line> dump_line_of(std::string_view line) {
    line = without_blanks(line);
    auto d = offset_of(line);
    if (!d || line.empty()) return std::nullopt;
    const bool colon = line.front() == ':';
    if (!colon && line.front() != ' ') return std::nullopt;
    if (colon) line.remove_prefix(1);
    std::size_t first = 0;
    while (d->bytes.size() < 256) {
        std::size_t blanks = 0;
        while (blanks < line.size() && line[blanks] == ' ') ++blanks;
        if (blanks == 0 || (colon && blanks > 1 && first != 0)) break;
        line.remove_prefix(blanks);
        const std::size_t group = hex_digits(line);
        const bool ends = group == line.size() || line[group] == ' ';
        // The last group of xxd may be half a one.
        if (!is_group(group) || !ends || (first != 0 && group > first)) break;
        if (first == 0) first = group;
        append_hex(d->bytes, line.substr(0, group));
        line.remove_prefix(group);
    }
    if (d->bytes.empty()) return std::nullopt;
    d->width = first / 2;
    d->numbers = !colon && d->width > 1;
    return d;
}

// gdb's address before what it shows: "0x7ffe18 <sqe+8>:".
std::size_t address_in_front(std::string_view line) {
    if (!line.starts_with("0x")) return 0;
    std::size_t at = 2 + hex_digits(line.substr(2));
    if (line.substr(at).starts_with(" <")) at = std::min(line.find('>', at), line.size() - 1) + 1;
    return at < line.size() && line[at] == ':' ? at + 1 : 0;
}

// Behind the marks of a quoted mail.
std::string_view unquoted(std::string_view line) {
    while (line.starts_with("> ") || line.starts_with(' ')) line.remove_prefix(1);
    return line;
}

// Where the offset of a dump stands that another word goes before, as the kernel prints them:
// "[   12.5] sqe: 00000010: 2e 00 …".
std::string_view behind_prefix(std::string_view line) {
    for (auto at = line.find(": "); at != std::string_view::npos; at = line.find(": ", at + 1)) {
        if (at < 9 || line[at - 9] != ' ' || hex_digits(line.substr(at - 8, 8)) != 8) continue;
        return line.substr(at - 8);
    }
    return {};
}

class finder {
public:
    std::vector<blob> found;

    void take(std::string_view line, std::size_t number) {
        line = unquoted(line);
        if (take_dump(line, number)) return;
        const std::string_view behind = behind_prefix(line);
        if (!behind.empty() && take_dump(behind, number)) return;
        in_dump_ = squeezed_ = false;
        if (take_base64(line, number)) return;
        take_runs(line, number);
    }
    std::vector<blob> finish() {
        end_base64();
        for (blob& b : found) order(b);
        // Numbers and strings stand for many things: only what they are for sure counts.
        std::erase_if(found, [](const blob& b) {
            return b.bytes.size() < least_bytes_of_run || (b.doubtful && !shape_of(b.bytes));
        });
        return std::move(found);
    }

private:
    bool in_dump_ = false, squeezed_ = false, octal_ = false;
    // A list, or digits, that may go on in the next line.
    bool open_ = false;
    // The line before was the head of a list that has one number in each line.
    bool head_ = false;
    blob base64_;

    // Numbers stand with their low byte first in memory; which of the two it is, the bytes tell
    // where the form does not.
    static void order(blob& b) {
        if (b.width < 2) return end_string(b);
        std::vector<std::uint8_t> other = swapped(b.bytes, b.width);
        const bool swap = b.numbers ? shape_of(other) || !shape_of(b.bytes)
                                    : !shape_of(b.bytes) && shape_of(other);
        if (swap) b.bytes = std::move(other);
    }

    // gdb leaves the last zero of a string away.
    static void end_string(blob& b) {
        if (!b.doubtful || shape_of(b.bytes)) return;
        b.bytes.push_back(0);
        if (!shape_of(b.bytes)) b.bytes.pop_back();
    }

    void start(run r, std::size_t number) {
        found.push_back({std::move(r.bytes), number, number, r.width, r.numbers, r.doubtful});
    }
    // Adds to what was found last; false if it is none of it.
    bool go_on(const std::vector<std::uint8_t>& bytes, std::size_t width, std::size_t number) {
        blob& b = found.back();
        if (b.numbers && b.width != width) return false;
        if (b.width != width) b.width = 1;
        b.last_line = number;
        if (b.bytes.size() >= most_bytes_of_run) return true;
        b.bytes.insert(b.bytes.end(), bytes.begin(), bytes.end());
        return true;
    }

    // What a star stands for: the line above it again, up to an offset.
    void fill(std::uint64_t to) {
        std::vector<std::uint8_t>& bytes = found.back().bytes;
        for (std::size_t i = bytes.size(); i < to && i < most_bytes_of_run; ++i) {
            bytes.push_back(bytes[i - 16]);
        }
        squeezed_ = false;
    }

    bool take_dump(std::string_view line, std::size_t number) {
        const std::string_view word = without_blanks(line);
        if (in_dump_ && word == "*") return squeezed_ = found.back().bytes.size() >= 16;
        if (squeezed_ && take_end(word)) return true;
        auto d = dump_line_of(line);
        if (!d) return false;
        if (!in_dump_ || d->offset_hex == 0) {
            if (d->offset_hex != 0) return false;
            found.push_back({.first_line = number,
                             .last_line = number,
                             .width = d->width,
                             .numbers = d->numbers});
            octal_ = false;
        }
        const std::size_t have = found.back().bytes.size();
        const std::uint64_t offset = octal_ ? d->offset_octal : d->offset_hex;
        if (squeezed_ && offset > have && offset < most_bytes_of_run) fill(offset);
        else if (d->offset_octal == have && d->offset_hex != have) octal_ = true;
        else if (d->offset_hex != have) return false;
        go_on(d->bytes, found.back().width, number);
        in_dump_ = true;
        squeezed_ = open_ = false;
        return true;
    }
    // The offset of the end, behind a star.
    bool take_end(std::string_view word) {
        std::string_view rest = word;
        const auto d = offset_of(rest);
        if (!d || !rest.empty()) return false;
        const std::uint64_t end = octal_ ? d->offset_octal : d->offset_hex;
        if (end > found.back().bytes.size() && end <= most_bytes_of_run) fill(end);
        in_dump_ = false;
        return true;
    }

    bool take_base64(std::string_view line, std::size_t number) {
        const auto r = base64_in(line);
        const bool goes_on = r && !base64_.bytes.empty() && base64_.last_line + 1 == number;
        if (!goes_on) end_base64();
        constexpr std::size_t first_line_least = 15;
        // A line of hex digits looks the same.
        const bool hex = hex_digits(without_blanks(line)) == without_blanks(line).size();
        if (!r || (!goes_on && (hex || r->bytes.size() < first_line_least))) return false;
        if (!goes_on) base64_ = {.first_line = number, .doubtful = true};
        base64_.last_line = number;
        if (base64_.bytes.size() < most_bytes_of_run) {
            base64_.bytes.insert(base64_.bytes.end(), r->bytes.begin(), r->bytes.end());
        }
        return true;
    }
    void end_base64() {
        if (!base64_.bytes.empty() && shape_of(base64_.bytes)) found.push_back(std::move(base64_));
        base64_ = {};
    }

    void add(run r, std::string_view line, std::size_t number, bool list) {
        const std::string_view before = without_blanks(line.substr(0, r.begin));
        const std::string_view after = without_blanks(line.substr(r.end));
        const bool at_start = before.empty() || before == "{" || before == "[" ||
                              address_in_front(before) == before.size();
        const bool goes_on = open_ && at_start && found.back().last_line + 1 == number;
        const bool short_line = r.bytes.size() % 30 == 0;  // xxd -p makes lines of 30 bytes
        if (!goes_on || !go_on(r.bytes, r.width, number)) start(std::move(r), number);
        const bool at_end = after.empty() || after == "," || after == "\\";
        open_ = at_end && (list || (at_start && short_line));
    }

    // One number in each line, behind a line that ends with a bracket.
    bool take_alone(std::string_view line, std::size_t number) {
        std::string_view word = without_blanks(line);
        const bool next = open_ && !found.empty() && found.back().last_line + 1 == number;
        const bool first = head_;
        head_ = word.ends_with('[') || word.ends_with('{');
        if (word.ends_with(',')) word.remove_suffix(1);
        const auto value = word.size() <= 4 ? number_of_word(word) : std::nullopt;
        if (!value || *value > 255 || !(first || next)) return false;
        run r{.bytes = {static_cast<std::uint8_t>(*value)}, .doubtful = true};
        if (!next || !go_on(r.bytes, 1, number)) start(std::move(r), number);
        return open_ = true;
    }

    void take_runs(std::string_view line, std::size_t number) {
        if (take_alone(line, number)) return;
        bool any = false;
        std::size_t no_string_before = 0;
        for (std::size_t i = address_in_front(line); i < line.size();) {
            const bool begins = i == 0 || !is_word_character(line[i - 1]);
            std::optional<run> r;
            bool list = true;
            const char c = line[i];
            if ((c == '\\' || c == '"' || c == '\'') && i >= no_string_before) {
                r = escaped_at(line, i, no_string_before);
            } else if (begins && c == '[') {
                r = bracketed_at(line, i);
            } else if (begins && is_hex_digit(c)) {
                if ((r = plain_at(line, i))) list = false;
                else if ((r = listed_at(line, i)) && !is_list(*r, line, i, number)) {
                    // Also past what was no list, which may be long.
                    i = std::max(r->end, i + 1);
                    continue;
                }
            }
            if (!r) {
                ++i;
                continue;
            }
            i = r->end;
            add(std::move(*r), line, number, list);
            any = true;
        }
        if (!any) open_ = false;
    }
    [[nodiscard]] bool is_list(const run& r, std::string_view line, std::size_t at,
                               std::size_t number) const {
        const bool goes_on = open_ && found.back().last_line + 1 == number &&
                             without_blanks(line.substr(0, at)).empty();
        return goes_on || r.bytes.size() >= least_bytes_of_run;
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
    return f.finish();
}

}  // namespace ashlar::explain
