// SPDX-License-Identifier: MIT
#include "cli/verbs.hpp"
#include "targets/registry.hpp"

#include <ashlar/version.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace ashlar::cli {

namespace {

constexpr std::size_t line_width = 80;
constexpr std::size_t help_column = 25;

// `text` in lines of at most `line_width`, each but the first behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
    std::string out;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (column > indent && column + 1 + word.size() > line_width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

std::string option_line(const option& o) {
    std::string line = fmt::format(" --{}", o.name);
    if (!o.argument.empty()) line += fmt::format(" <{}>", o.argument);
    if (line.size() >= help_column) {
        line += "\n" + std::string(help_column, ' ');
    } else {
        line.resize(help_column, ' ');
    }
    std::string text(o.help);
    if (!o.choices.empty()) {
        std::string choices(o.choices);
        std::ranges::replace(choices, '|', ' ');
        text += ": " + choices;
    }
    if (!o.otherwise.empty()) text += fmt::format(" (default: {})", o.otherwise);
    return line + wrapped(text, help_column, help_column) + "\n";
}

std::string options_text(std::span<const option> options) {
    std::string text;
    for (const option& o : options) text += option_line(o);
    return text;
}

}  // namespace

std::string help() {
    std::string text =
        "Usage:\n ashlar VERB [OPTION]...\n\nBlock devices that ordinary programs serve, by the "
        "kernel's ublk driver.\n\nVerbs:\n";
    for (const verb& v : all_verbs()) {
        if (!v.hidden) text += fmt::format(" {:<12}{}\n", v.name, v.summary);
    }
    text += "\nTargets of run and add:\n";
    for (const target_kind* kind : targets::all_kinds()) {
        text += fmt::format(" {:<12}{}\n", kind->name, kind->summary);
    }
    text += "\nOptions:\n -h, --help       print this help; behind a verb, that of the verb\n"
            " -V, --version    print the version\n\nFor more details see ashlar(1).\n";
    return text;
}

std::string help(const target_kind& kind) {
    return fmt::format("Options of the target {} ({}):\n{}", kind.name, kind.summary,
                       options_text(kind.options));
}

std::string help(const verb& v) {
    std::string text = fmt::format("Usage:\n ashlar {} {}\n\n", v.name, v.usage);
    text += wrapped(v.details.empty() ? v.summary : v.details, 0, 0) + "\n\n";
    text += "Options:\n" + options_text(v.options);
    text += " -h, --help              print this help\n";
    if (v.takes == operands::target) {
        for (const target_kind* kind : targets::all_kinds()) text += "\n" + help(*kind);
        text += "\nSIZE may stand without its option: ashlar add mem 1G\n";
    }
    return text + "\nFor more details see ashlar(1).\n";
}

int run_help(const command&) {
    fmt::print("{}", help());
    return 0;
}

int run_version(const command&) {
    fmt::print("ashlar {}\n", version());
    return 0;
}

int report(const error& e) {
    fmt::print(stderr, "ashlar: {}\n", e.text());
    return e.usage ? 2 : 1;
}

}  // namespace ashlar::cli
