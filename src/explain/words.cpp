// SPDX-License-Identifier: MIT
#include "explain/words.hpp"

#include "uapi/print.hpp"

#include <ashlar/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_map>

namespace ashlar::explain {

namespace {

using rules::subject;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }
char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// In small letters, without what divides words: START_DEV and startDev are one.
std::string bare(std::string_view word) {
    std::string out;
    for (char c : word) {
        if (c != '_' && c != '.' && c != '>' && c != '-') out += small(c);
    }
    return out;
}

using command_map = std::unordered_map<std::string, subject>;

const command_map& commands() {
    static const command_map map = [] {
        command_map m;
        for (uapi::ctrl_op op : uapi::ctrl_ops) {
            std::string name = bare(uapi::name(op));
            m.emplace(name, rules::subject_of(op));
            if (name.ends_with("dev")) m.emplace(name + "ice", rules::subject_of(op));
        }
        for (uapi::io_op op : uapi::io_ops) {
            m.emplace(bare(uapi::name(op)), rules::subject_of(op));
        }
        m.emplace("deletedevice", subject::del_dev);
        m.emplace("deletedev", subject::del_dev);
        m.emplace("setparameters", subject::set_params);
        m.emplace("commitandfetch", subject::commit_and_fetch_req);
        m.emplace("mmap", subject::map_descriptors);
        for (const char* name : {"pread", "pread64"}) m.emplace(name, subject::read_data);
        for (const char* name : {"pwrite", "pwrite64"}) m.emplace(name, subject::write_data);
        return m;
    }();
    return map;
}

constexpr int last_errno = 133;

const std::unordered_map<std::string, int>& errnos() {
    static const std::unordered_map<std::string, int> map = [] {
        std::unordered_map<std::string, int> m;
        for (int code = 1; code <= last_errno; ++code) m.emplace(errno_name(code), code);
        m.emplace("ENOTSUPP", 524);
        return m;
    }();
    return map;
}

// The sentences of the errnos that rules give, and of some that others do.
constexpr int told_in_words[] = {EPERM,  ENOENT,     EINTR, EIO,     EBADF,     EAGAIN, ENOMEM,
                                 EACCES, EFAULT,     EBUSY, EEXIST,  ENODEV,    EINVAL, ENOSPC,
                                 ENXIO,  EOPNOTSUPP, E2BIG, ENOBUFS, ETIMEDOUT, ENOTTY, ENOSYS};

struct sentence {
    std::string text;
    int code;
};
const std::vector<sentence>& sentences() {
    static const std::vector<sentence> all = [] {
        std::vector<sentence> out;
        for (int code : told_in_words) {
            out.push_back({lowered(std::strerror(code)), code});  // NOLINT: no other thread yet
        }
        return out;
    }();
    return all;
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words, [&](std::string_view w) { return text.ends_with(w); });
}
bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(
        words, [&](std::string_view w) { return text.find(w) != std::string_view::npos; });
}

// Words behind which a negative number is a result.
bool before_result(std::string_view text) {
    // "add_dev(…) = -22"
    if (text.ends_with(") = ")) return true;
    while (!text.empty() && (text.back() == ' ' || text.back() == '=' || text.back() == ':' ||
                             text.back() == '(' || text.back() == '`' || text.back() == '"')) {
        text.remove_suffix(1);
    }
    return ends_with_any(text, {"res", "result", "ret", "rc", "err", "error", "errno", "returned",
                                "returns", "return", "returning", "failed", "fails", "status",
                                "code", "completed", "with", "einval", "eperm"});
}

// The word that ends before `at`, with dots and arrows of its path.
std::string_view key_before(std::string_view line, std::size_t at) {
    std::size_t end = at;
    while (end > 0 && line[end - 1] == ' ') --end;
    // In quotes as JSON has it.
    if (end > 1 && line[end - 1] == '"' && is_word(line[end - 2])) --end;
    std::size_t begin = end;
    while (begin > 0 && (is_word(line[begin - 1]))) --begin;
    return line.substr(begin, end - begin);
}

// A number in "key = 12", "key: 0x40", "key(4)".
void take_number(std::string_view line, std::size_t at, line_words& out) {
    std::size_t i = at + 1;
    while (i < line.size() && (line[i] == ' ' || line[i] == '=')) ++i;
    const bool negative = i < line.size() && line[i] == '-';
    if (negative) ++i;
    std::size_t end = i;
    while (end < line.size() && is_word(line[end])) ++end;
    const auto value = number_of_word(line.substr(i, end - i));
    if (!value) return;
    const std::string_view key = key_before(line, at);
    if (key.empty() || is_digit(key[0])) return;
    out.numbers.push_back({bare(key), negative ? 0 - *value : *value, at});
}

void take_identifier(std::string_view line, std::size_t at, std::size_t end, line_words& out) {
    const std::string_view word = line.substr(at, end - at);
    if (word.size() < 4) return;
    if (word[0] == 'E' && word.size() <= 15) {
        if (const int code = errno_of_word(word)) {
            out.errors.push_back({code, at});
            return;
        }
    }
    if (lowered(word) == "errno") {
        std::size_t i = end;
        while (i < line.size() && (line[i] == ' ' || line[i] == '=' || line[i] == ':')) ++i;
        std::size_t stop = i;
        while (stop < line.size() && is_digit(line[stop]) && stop - i < 4) ++stop;
        const int code = errno_of_word(line.substr(i, stop - i));
        if (code > 0 && code <= last_errno) out.errors.push_back({code, at});
        return;
    }
    if (const auto about = command_named(word)) out.commands.push_back({*about, at});
}

void take_negative(std::string_view line, std::string_view low, std::size_t at, line_words& out) {
    if (at > 0 && (is_word(line[at - 1]) || line[at - 1] == '-')) return;
    std::size_t end = at + 1;
    int code = 0;
    while (end < line.size() && is_digit(line[end]) && end - at < 5) {
        code = code * 10 + (line[end++] - '0');
    }
    if (code == 0 || (code > last_errno && code != 524)) return;
    if (end < line.size() && (is_word(line[end]) || line[end] == '.')) return;
    if (!before_result(low.substr(0, at))) return;
    out.errors.push_back({code, at});
}

bool says_never(std::string_view low) {
    return has_any(low,
                   {"never returns",   "never returned",   "never returning", "never completes",
                    "never completed", "never comes back", "hangs",           "hung",
                    " hang ",          "blocks forever",   "blocked forever", "waits forever",
                    "for ever",        "does not return",  "doesn't return",  "did not return",
                    "no completion",   "no cqe",           "stuck",           "timed out",
                    "times out"});
}

bool says_success(std::string_view low) {
    for (std::string_view word : {"result", "res", "ret", "returns", "returned", "rc"}) {
        for (auto at = low.find(word); at != std::string_view::npos; at = low.find(word, at + 1)) {
            std::size_t i = at + word.size();
            while (i < low.size() && (low[i] == ' ' || low[i] == '=' || low[i] == ':')) ++i;
            const bool zero = i < low.size() && low[i] == '0' && i > at + word.size();
            if (zero && (i + 1 == low.size() || (!is_word(low[i + 1]) && low[i + 1] != '.'))) {
                return true;
            }
        }
    }
    return has_any(low, {"succeeded", "successful", "(success)"});
}

}  // namespace

std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = small(c);
    return out;
}

std::optional<subject> command_named(std::string_view word) {
    std::string name = bare(word);
    std::string_view rest = name;
    for (;;) {
        const auto found = commands().find(std::string(rest));
        if (found != commands().end()) return found->second;
        const std::size_t before = rest.size();
        for (std::string_view prefix : {"ublksrv", "ublk", "ucmd", "uio", "ctrl", "cmd", "io"}) {
            if (rest.starts_with(prefix)) {
                rest.remove_prefix(prefix.size());
                break;
            }
        }
        if (rest.size() == before) return std::nullopt;
    }
}

int errno_of_word(std::string_view word) {
    if (word.starts_with('-')) word.remove_prefix(1);
    if (word.empty()) return 0;
    if (is_digit(word[0])) {
        const auto value = number_of_word(word);
        return value && *value > 0 && *value <= 524 ? static_cast<int>(*value) : 0;
    }
    const auto found = errnos().find(std::string(word));
    return found == errnos().end() ? 0 : found->second;
}

std::optional<std::uint64_t> number_of_word(std::string_view word) {
    int base = 10;
    if (word.starts_with("0x") || word.starts_with("0X")) {
        base = 16;
        word.remove_prefix(2);
    }
    std::uint64_t value = 0;
    const auto [stop, problem] =
        std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (word.empty() || problem != std::errc{} || stop != word.data() + word.size()) {
        return std::nullopt;
    }
    return value;
}

release_word kernel_in(std::string_view line) {
    release_word best;
    for (std::string_view word :
         {"Linux version ", "Linux ", "linux-", "kernel ", "Kernel ", "kernel: ", "Kernel: "}) {
        const int rank = small(word[0]) == 'l' ? 2 : 1;
        for (auto at = line.find(word); at != std::string_view::npos;
             at = line.find(word, at + 1)) {
            std::size_t i = at + word.size();
            const std::size_t begin = i;
            int dots = 0;
            while (i < line.size() && (is_digit(line[i]) || (line[i] == '.' && dots < 2))) {
                dots += line[i++] == '.' ? 1 : 0;
            }
            while (i > begin && line[i - 1] == '.') --i;
            const std::string_view release = line.substr(begin, i - begin);
            // Behind "6.6+" nothing follows; "6.12.117+deb12" is one.
            const bool range = i < line.size() && line[i] == '+' &&
                               (i + 1 == line.size() || !is_word(line[i + 1]));
            const bool whole = release.find('.') != std::string_view::npos;
            if (release.size() >= 3 && whole && !range && rank > best.rank) best = {release, rank};
        }
    }
    return best;
}

line_words words_of(std::string_view line) {
    line_words out;
    const std::string low = lowered(line);
    for (std::size_t i = 0; i < line.size();) {
        const char c = line[i];
        if (is_letter(c) && (i == 0 || !is_word(line[i - 1]))) {
            std::size_t end = i;
            while (end < line.size() && is_word(line[end])) ++end;
            take_identifier(line, i, end, out);
            i = end;
            continue;
        }
        if (c == '=' || c == ':' || c == '(') take_number(line, i, out);
        if (c == '-' && i + 1 < line.size() && is_digit(line[i + 1])) {
            take_negative(line, low, i, out);
        }
        ++i;
    }
    if (out.errors.empty()) {
        for (const sentence& s : sentences()) {
            const auto at = low.find(s.text);
            if (at == std::string::npos) continue;
            out.errors.push_back({s.code, at});
            out.sentence = true;
            break;
        }
    }
    out.never = says_never(low);
    out.succeeded = out.errors.empty() && says_success(low);
    return out;
}

}  // namespace ashlar::explain
