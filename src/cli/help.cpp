// SPDX-License-Identifier: MIT
// --help of the program and of each verb, made from the tables; and how errors are shown.
#include "cli/text.hpp"
#include "cli/verbs.hpp"
#include "targets/registry.hpp"

#include <ashlar/version.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace ashlar::cli {

namespace {

constexpr std::size_t line_width = 80;
constexpr std::size_t help_column = 25;

std::string option_line(const option& o) {
    std::string line = fmt::format(" --{}", o.name);
    if (!o.argument.empty()) line += fmt::format(" <{}>", o.argument);
    if (line.size() >= help_column) {
        line += "\n" + std::string(help_column, ' ');
    } else {
        line.resize(help_column, ' ');
    }
    std::string notes;
    if (!o.choices.empty()) notes = fmt::format("{}", fmt::join(split(o.choices, '|'), ", "));
    if (!o.otherwise.empty()) {
        notes += fmt::format("{}default: {}", notes.empty() ? "" : "; ", o.otherwise);
    }
    std::string text(o.help);
    if (!notes.empty()) text += fmt::format(" ({})", notes);
    return line + wrapped(text, line_width, help_column, help_column) + "\n";
}

std::string options_text(std::span<const option> options) {
    std::string text;
    for (const option& o : options) text += option_line(o);
    return text;
}

}  // namespace

std::string help() {
    std::string text =
        "Usage:\n ashlar VERB [OPTION]...\n\nBlock devices served by ordinary programs, through "
        "the kernel's ublk driver.\n\nVerbs:\n";
    for (const verb* v : visible_verbs()) text += fmt::format(" {:<12}{}\n", v->name, v->summary);
    text += "\nTargets of run and add:\n";
    for (const target_kind* kind : targets::all_kinds()) {
        text += fmt::format(" {:<12}{}\n", kind->name, kind->summary);
    }
    text += "\nOptions:\n -h, --help       print this help; behind a verb, that of the verb\n"
            " -V, --version    print the version\n\nFor more details see ashlar(1).\n";
    return text;
}

std::string help(const target_kind& kind) {
    return wrapped(fmt::format("Target {}: {}", kind.name, kind.summary), line_width) + "\n" +
           options_text(kind.options);
}

std::string help(const verb& v) {
    std::string text =
        fmt::format("Usage:\n ashlar {}{}{}\n\n", v.name, v.usage.empty() ? "" : " ", v.usage);
    for (std::string_view paragraph : split(v.details, '\n')) {
        text += wrapped(paragraph, line_width) + "\n";
    }
    text += "\nOptions:\n" + options_text(v.options);
    text += " -h, --help              print this help\n";
    if (v.takes == operands::target) {
        for (const target_kind* kind : targets::all_kinds()) text += "\n" + help(*kind);
        text += "\nSIZE or FILE may stand without its option: ashlar add mem 1G\n";
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

int report(const command& c, const error& e) {
    if (!c.values.has("json")) return report(e);
    nlohmann::ordered_json inside = {
        {"operation", e.operation}, {"object", e.object}, {"errno", nullptr},
        {"rule", nullptr},          {"why", e.why},       {"do", e.remedy}};
    if (e.code != 0) inside["errno"] = errno_name(e.code);
    if (!e.rule.empty()) inside["rule"] = e.rule;
    const nlohmann::ordered_json json = {{"error", inside}};
    fmt::print(stderr, "{}\n", json.dump(2));
    return e.usage ? 2 : 1;
}

}  // namespace ashlar::cli
