// SPDX-License-Identifier: MIT
// explain: why a ublk call failed.
#include "base/try.hpp"
#include "cli/verbs.hpp"
#include "explain/hex.hpp"
#include "explain/print.hpp"
#include "explain/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

using explain::explanation;

constexpr std::size_t input_max = 64u << 20;

error wrong(std::string what, std::string why) {
    return {.operation = std::move(what),
            .why = std::move(why),
            .remedy = "see ashlar explain --help",
            .usage = true};
}

result<std::string> read_all(std::FILE* from, const std::string& name) {
    std::string text;
    char part[65536];
    for (std::size_t n; (n = std::fread(part, 1, sizeof part, from)) > 0;) {
        text.append(part, n);
        if (text.size() > input_max) {
            return failure(
                {.operation = "read", .object = name, .why = "it is larger than 64 MiB"});
        }
    }
    if (std::ferror(from) != 0) {
        return failure({.operation = "read", .object = name, .code = errno});
    }
    return text;
}

bool is_file(const std::string& word) {
    struct stat s{};
    return ::stat(word.c_str(), &s) == 0 && !S_ISDIR(s.st_mode);
}

result<std::string> read_file(const std::string& path) {
    using closer = int (*)(std::FILE*);
    const std::unique_ptr<std::FILE, closer> file(std::fopen(path.c_str(), "re"), &std::fclose);
    if (!file) return failure({.operation = "open", .object = path, .code = errno});
    return read_all(file.get(), path);
}

result<explain::options> options_of(const command& c) {
    explain::options how;
    utsname u{};
    if (::uname(&u) == 0 && std::string_view(u.sysname) == "Linux") how.running = u.release;
    if (c.values.has("kernel")) {
        const std::string name = c.values.text("kernel");
        how.kernel = rules::kernel_named(name);
        if (!how.kernel) {
            return failure(wrong(fmt::format("--kernel: '{}'", name),
                                 "it is a version of Linux from 6.0 on, such as 6.12 or 6.16.3"));
        }
    }
    how.as = explain::shape_named(c.values.text("as"));
    const std::string when = c.values.text("when");
    if (when == "immediately") how.when = explain::when::immediately;
    if (when == "late") how.when = explain::when::late;
    if (when == "never") how.when = explain::when::never;
    return how;
}

result<explanation> explain_errno(const command& c, const explain::options& how) {
    if (c.words.size() < 2 || c.words.size() > 3) {
        return failure(wrong("explain errno", "it takes a command and an errno"));
    }
    const auto about = explain::command_named(c.words[1]);
    if (!about) {
        return failure(wrong(fmt::format("explain errno: '{}'", c.words[1]),
                             "it is a command such as START_DEV or FETCH_REQ, or mmap"));
    }
    const int code = c.words.size() == 3 ? explain::errno_of_word(c.words[2]) : 0;
    if (code == 0 && (c.words.size() == 3 || how.when != explain::when::never)) {
        return failure(wrong(fmt::format("explain errno: '{}'", c.words.back()),
                             "an errno is missing, such as EINVAL or 22 (or --when never)"));
    }
    return explain::failure_of(*about, code, how);
}

// "0xc0207504", "flags 0x4a".
std::optional<explanation> explain_number(const command& c, const explain::options& how) {
    if (c.words.empty() || c.words.size() > 2 || how.as) return std::nullopt;
    const auto value = explain::number_of_word(c.words.back());
    if (!value) return std::nullopt;
    if (c.words.size() == 1) return explain::number("", *value, how);
    constexpr std::string_view kinds[] = {"command", "flags", "features", "state", "opcode"};
    if (std::ranges::find(kinds, c.words[0]) == std::end(kinds)) return std::nullopt;
    return explain::number(c.words[0], *value, how);
}

result<std::string> input_of(const command& c) {
    if (c.words.empty() || (c.words.size() == 1 && c.words[0] == "-")) {
        if (c.words.empty() && ::isatty(STDIN_FILENO) == 1) {
            return failure(wrong("explain", "nothing to explain: a word is missing"));
        }
        return read_all(stdin, "standard input");
    }
    std::string all;
    for (const std::string& word : c.words) {
        if (is_file(word)) {
            ASHLAR_TRY(auto text, read_file(word));
            // A file alone may be the bytes themselves.
            if (c.words.size() == 1) return text;
            all += text;
            all += '\n';
        } else {
            all += word;
            // Bytes that came as words of their own are one run.
            all += word.size() <= 4 ? ' ' : '\n';
        }
    }
    return all;
}

// Bytes as they are, and not a log with some garbage in it.
bool is_binary(std::string_view input) {
    const auto is_strange = [](char c) {
        const auto u = static_cast<unsigned char>(c);
        return (u < 0x20 && u != '\n' && u != '\r' && u != '\t' && u != 0x1b) || u == 0x7f;
    };
    const auto strange = std::ranges::count_if(input, is_strange);
    return input.find('\0') != std::string_view::npos &&
           static_cast<std::size_t>(strange) > input.size() / 8;
}

result<explanation> explanation_of(const command& c) {
    ASHLAR_TRY(auto how, options_of(c));
    if (!c.words.empty() && c.words[0] == "errno") return explain_errno(c, how);
    if (auto told = explain_number(c, how)) return std::move(*told);
    ASHLAR_TRY(auto input, input_of(c));
    // A file of the bytes themselves.
    if (is_binary(input)) {
        const auto* raw = reinterpret_cast<const std::uint8_t*>(input.data());
        return explain::bytes({raw, input.size()}, how);
    }
    if (how.as) {
        const auto blobs = explain::find_blobs(explain::lines_of(input));
        if (blobs.size() != 1) {
            return failure(
                wrong("--as", "there are no bytes in hex, or more than one run of them"));
        }
        return explain::bytes(blobs[0].bytes, how);
    }
    return explain::text(input, how);
}

bool wants_colour() {
    const char* no = std::getenv("NO_COLOR");  // NOLINT: there is one thread
    return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0');
}

}  // namespace

int run_explain(const command& c) {
    const auto told = explanation_of(c);
    if (!told) return report(told.error());
    const std::string text =
        c.values.has("json")
            ? explain::to_json(*told)
            : explain::to_text(*told, {.colour = wants_colour(), .all = c.values.has("all")});
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        return report({.operation = "write to standard output", .code = errno});
    }
    return told->explained() ? 0 : 1;
}

}  // namespace ashlar::cli
