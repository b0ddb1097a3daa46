// SPDX-License-Identifier: MIT
#include "explain/strace_call.hpp"

#include "explain/runs.hpp"
#include "explain/words.hpp"

#include <algorithm>

namespace ashlar::explain {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
void skip_blanks(std::string_view& s) {
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
}

void take_bracket(std::string_view& s, std::string_view& pid) {
    const auto end = std::min(s.find(']'), s.size());
    std::string_view inside = s.substr(1, end - 1);
    if (inside.starts_with("pid")) {
        inside.remove_prefix(3);
        skip_blanks(inside);
        pid = inside.substr(0, inside.find('<'));
    }
    s.remove_prefix(std::min(end + 1, s.size()));
}

void take_number(std::string_view& s, std::string_view& pid) {
    const auto stop = std::min(s.find_first_of("< "), s.size());
    const std::string_view word = s.substr(0, stop);
    const bool named = stop < s.size() && s[stop] == '<';
    const auto end = std::min(s.find(' ', named ? s.find('>', stop) : stop), s.size());
    const bool digits = word.find_first_not_of("0123456789") == std::string_view::npos;
    if (pid.empty() && digits) pid = word;
    s.remove_prefix(end);
}

// "[pid 12] ", "[pid 12<name>] ", "12 " or "12<name> ", the number or address of the call in
// brackets (-n, -i), and a time, before the call.
std::string_view take_prefix(std::string_view& s) {
    std::string_view pid;
    for (skip_blanks(s); !s.empty() && (s.front() == '[' || is_digit(s.front())); skip_blanks(s)) {
        if (s.front() == '[') take_bracket(s, pid);
        else take_number(s, pid);
    }
    return pid;
}

// The arguments, divided by the commas that stand in no bracket and no string.
std::vector<std::string> arguments_of(std::string_view s) {
    std::vector<std::string> out;
    std::string one;
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < s.size(); ++i) {
        const char c = s[i];
        if (c == '"' && (i == 0 || s[i - 1] != '\\')) quoted = !quoted;
        if (!quoted) {
            if (c == '{' || c == '[' || c == '(') ++depth;
            if (c == '}' || c == ']' || c == ')') --depth;
            if (c == ',' && depth == 0) {
                out.push_back(std::move(one));
                one.clear();
                continue;
            }
        }
        if (!(one.empty() && c == ' ')) one += c;
    }
    if (!one.empty()) out.push_back(std::move(one));
    return out;
}

// With -x and -xx strings are in hex.
void unescape(std::string& argument) {
    if (!argument.starts_with("\"\\x")) return;
    std::size_t read_to = 0, escapes = 0;
    const auto r = string_at(argument, 0, read_to, escapes);
    if (!r) return;
    argument = '"' + std::string(r->bytes.begin(), r->bytes.end()) + '"';
}

constexpr std::string_view followed[] = {
    "openat",         "open",    "mmap",  "munmap",         "mprotect",
    "io_uring_setup", "ioctl",   "close", "io_uring_enter", "io_uring_register",
    "pread64",        "pwrite64"};

bool is_followed(std::string_view name) {
    return std::ranges::find(followed, name) != std::end(followed);
}

std::size_t identifier(std::string_view s) {
    std::size_t n = 0;
    while (n < s.size() && ((s[n] >= 'a' && s[n] <= 'z') || is_digit(s[n]) || s[n] == '_')) ++n;
    return n;
}

// The bracket before the result: the last one that " = " follows.
std::size_t end_of_arguments(std::string_view text) {
    for (auto at = text.rfind(") "); at != std::string_view::npos && at > 0;
         at = text.rfind(") ", at - 1)) {
        const auto next = text.find_first_not_of(' ', at + 1);
        if (next != std::string_view::npos && text.substr(next).starts_with("= ")) return at;
    }
    return std::string_view::npos;
}

// " = 3", " = -1 EPERM (Operation not permitted)", " = ?".
bool take_result(std::string_view s, system_call& call) {
    skip_blanks(s);
    if (!s.starts_with("= ")) return false;
    s.remove_prefix(2);
    if (s.starts_with("-1 ")) {
        s.remove_prefix(3);
        call.error = errno_of_word(s.substr(0, std::min(s.find(' '), s.size())));
        call.result = -1;
        return true;
    }
    const auto end = std::min(s.find_first_of(" <"), s.size());
    if (const auto value = number_of_word(s.substr(0, end))) {
        call.result = static_cast<std::int64_t>(*value);
        return true;
    }
    return s.starts_with("?");
}

}  // namespace

bool is_system_call(std::string_view line) {
    take_prefix(line);
    if (line.starts_with("<... ")) return line.find("resumed>") != std::string_view::npos;
    const std::size_t n = identifier(line);
    if (n == 0 || n >= line.size() || line[n] != '(') return false;
    const std::string_view name = line.substr(0, n);
    // A program's own function of that name may tell more.
    if (!is_followed(name) && command_named(name)) return false;
    return line.ends_with("<unfinished ...>") || end_of_arguments(line) != std::string_view::npos;
}

std::optional<system_call> call_parser::take(std::string_view line, std::size_t number) {
    system_call call{.pid = {}, .name = {}, .arguments = {}, .line = number};
    call.pid = take_prefix(line);
    std::string text;
    if (line.starts_with("<... ")) {
        line.remove_prefix(5);
        call.name = line.substr(0, identifier(line));
        const auto resumed = line.find("resumed>");
        auto found = unfinished.find(std::string(call.pid));
        if (!is_followed(call.name) || resumed == std::string_view::npos ||
            found == unfinished.end()) {
            return std::nullopt;
        }
        text = found->second.text + std::string(line.substr(resumed + 8));
        call.line = found->second.line;
        unfinished.erase(found);
    } else {
        const std::size_t n = identifier(line);
        if (n == 0 || n >= line.size() || line[n] != '(') return std::nullopt;
        call.name = line.substr(0, n);
        if (!is_followed(call.name)) return std::nullopt;
        text = line.substr(n + 1);
    }
    const auto stop = text.find("<unfinished ...>");
    if (stop != std::string::npos) {
        unfinished[std::string(call.pid)] = {std::string(call.name), text.substr(0, stop), number};
        return std::nullopt;
    }
    const auto end = end_of_arguments(text);
    if (end == std::string::npos) return std::nullopt;
    if (!take_result(std::string_view(text).substr(end + 1), call)) return std::nullopt;
    call.arguments = arguments_of(std::string_view(text).substr(0, end));
    for (std::string& a : call.arguments) unescape(a);
    return call;
}

}  // namespace ashlar::explain
