// SPDX-License-Identifier: MIT
// The completion for zsh, by its _arguments: options that were given are not offered again.
#include "cli/generate.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <fmt/format.h>

namespace ashlar::cli {

namespace {

// What _arguments would take for its own marks.
std::string escaped(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string in_quotes(const std::string& text) { return quoted(text, "'\\''"); }

// "--depth=[help]:N:" takes its value attached or as the next word.
std::string specification(const option& o) {
    std::string out = fmt::format("--{}", o.name);
    if (o.kind != value_kind::flag) out += '=';
    out += fmt::format("[{}]", escaped(o.help));
    if (o.kind != value_kind::flag) out += fmt::format(":{}:", o.argument);
    if (o.argument == "FILE") out += "_files";
    if (!o.choices.empty()) out += fmt::format("({})", fmt::join(split(o.choices, '|'), " "));
    return in_quotes(out);
}

std::string described(std::string_view name, std::string_view summary) {
    return in_quotes(fmt::format("{}:{}", name, summary));
}

std::string operand_of(const verb& v) {
    switch (v.takes) {
        case operands::target: return "'1:target:_ashlar_targets' '2:SIZE or FILE:_files'";
        case operands::one_device: return "'1:device:_ashlar_devices'";
        case operands::device_and_size: return "'1:device:_ashlar_devices' '2:SIZE:'";
        case operands::devices: return "'*:device:_ashlar_devices'";
        case operands::words: return "'*:file:_files'";
        case operands::none:
        case operands::one_word: break;
    }
    return v.name == "help" ? "'1:verb:_ashlar_verbs'" : "";
}

std::string verb_cases() {
    std::string out;
    for (const verb* v : visible_verbs()) {
        out += fmt::format("        {})\n            specs+=(\n", v->name);
        for (const option& o : v->options) out += "                " + specification(o) + "\n";
        if (!operand_of(*v).empty()) out += "                " + operand_of(*v) + "\n";
        out += "            ) ;;\n";
    }
    return out;
}

std::string target_cases() {
    const auto makers = verbs_that_take(operands::target);
    std::string out;
    for (const target_kind* kind : targets::all_kinds()) {
        out += fmt::format("        ({}):{})\n            specs+=(\n", fmt::join(makers, "|"),
                           kind->name);
        for (const option& o : kind->options) out += "                " + specification(o) + "\n";
        out += "            ) ;;\n";
    }
    return out;
}

constexpr std::string_view script = R"sh(#compdef ashlar
# ashlar(1) completion for zsh, made by: ashlar generate zsh

_ashlar_verbs() {
    local -a verbs=(
@verbs@    )
    _describe -t verbs verb verbs
}

_ashlar_targets() {
    local -a kinds=(
@kinds@    )
    _describe -t targets target kinds
}

_ashlar_devices() {
    local -a devices
    devices=(${(f)"$(PATH=$PATH:/usr/sbin:/sbin ashlar generate devices 2>/dev/null)"})
    devices=(${devices/$'\t'/:})
    _describe -t devices device devices
}

_ashlar() {
    local verb=$words[2] target='' word i
    local -a specs=('(- *)'{-h,--help}'[print help]') with_value=(@with-value@)
    if (( CURRENT == 2 )); then
        _arguments $specs '(- *)'{-V,--version}'[print the version]' '1:verb:_ashlar_verbs'
        return
    fi
    # The first word behind the verb that is no option and no option's value.
    for (( i = 3; i < CURRENT; ++i )); do
        word=$words[i]
        if (( $with_value[(Ie)$word] )); then
            (( ++i ))
        elif [[ $word != -* ]]; then
            target=$word
            break
        fi
    done
    case $verb in
@verb-cases@    esac
    case $verb:$target in
@target-cases@    esac
    # From here on the verb is the command.
    shift words
    (( CURRENT-- ))
    _arguments $specs
}

if [[ $funcstack[1] == _ashlar ]]; then _ashlar "$@"; else compdef _ashlar ashlar; fi
)sh";

}  // namespace

std::string zsh_completion() {
    std::string verbs;
    for (const verb* v : visible_verbs()) {
        verbs += "        " + described(v->name, v->summary) + "\n";
    }
    std::string kinds;
    for (const target_kind* kind : targets::all_kinds()) {
        kinds += "        " + described(kind->name, kind->summary) + "\n";
    }
    const mark marks[] = {
        {"@verbs@", verbs},
        {"@kinds@", kinds},
        {"@verb-cases@", verb_cases()},
        {"@target-cases@", target_cases()},
        {"@with-value@", fmt::format("{}", fmt::join(options_with_value(), " "))}};
    return filled(script, marks);
}

}  // namespace ashlar::cli
