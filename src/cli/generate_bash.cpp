// SPDX-License-Identifier: MIT
// The completion for bash: one function, which needs nothing but bash itself.
#include "cli/generate.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <fmt/format.h>

namespace ashlar::cli {

namespace {

std::string words_of(std::span<const option> options) {
    std::string words;
    for (const option& o : options) words += fmt::format("--{} ", o.name);
    return words;
}

// The options of each verb, and of each target behind the verbs that take one.
std::string option_cases() {
    std::string out = "    case $1 in\n";
    for (const verb* v : visible_verbs()) {
        out += fmt::format("        {}) words='{}--help' ;;\n", v->name, words_of(v->options));
    }
    out += fmt::format("    esac\n    case $1 in\n        {})\n            case $2 in\n",
                       fmt::join(verbs_that_take(operands::target), " | "));
    for (const target_kind* kind : targets::all_kinds()) {
        out += fmt::format("                {}) words+=' {}' ;;\n", kind->name,
                           words_of(kind->options));
    }
    return out + "            esac ;;\n    esac\n";
}

std::string choice_cases() {
    std::string out;
    auto add = [&](std::span<const option> options) {
        for (const option& o : options) {
            if (o.choices.empty()) continue;
            out += fmt::format("        --{}) words='{}' ;;\n", o.name,
                               fmt::join(split(o.choices, '|'), " "));
        }
    };
    for (const verb* v : visible_verbs()) add(v->options);
    for (const target_kind* kind : targets::all_kinds()) add(kind->options);
    return out;
}

std::string operand_cases() {
    std::string kinds;
    for (const target_kind* kind : targets::all_kinds()) kinds += fmt::format("{} ", kind->name);
    std::string out;
    for (const verb* v : visible_verbs()) {
        if (v->takes == operands::target) {
            out += fmt::format("        {}:0) words='{}' ;;\n", v->name, kinds);
        } else if (v->takes == operands::one_device || v->takes == operands::device_and_size ||
                   v->takes == operands::devices) {
            out +=
                fmt::format("        {}:{}) words=$(_ashlar_devices \"${{COMP_WORDS[0]}}\") ;;\n",
                            v->name, v->takes == operands::devices ? "*" : "0");
        }
    }
    return out;
}

constexpr std::string_view script =
    R"sh(# ashlar(1) completion for bash, made by: ashlar generate bash

_ashlar_devices() {
    PATH=$PATH:/usr/sbin:/sbin "$1" generate devices 2>/dev/null | cut -f 1
}

# _ashlar_options VERB TARGET: sets words
_ashlar_options() {
@option-cases@}

_ashlar() {
    local cur=${COMP_WORDS[COMP_CWORD]} with_value=' @with-value@ '
    local word verb='' target='' open='' given=' ' words='' left='' operands=0 i
    # In front of the cursor: the verb, the target, the options that were given, and the option
    # that still waits for its value. bash makes three words of --size=1G.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == = ]]; then
            continue
        elif [[ -n $open ]]; then
            open=
        elif [[ $word == -* ]]; then
            given+="$word "
            if [[ $with_value == *" $word "* ]]; then open=$word; fi
        elif [[ -z $verb ]]; then
            verb=$word
        else
            operands=$((operands + 1))
            if [[ $operands == 1 ]]; then target=$word; fi
        fi
    done
    if [[ $cur == = ]]; then cur=; fi
    if [[ -n $open ]]; then
        case $open in
@choice-cases@        *) ;;
        esac
    elif [[ -z $verb && $cur == -* ]]; then
        words='--help --version'
    elif [[ -z $verb ]]; then
        words='@verbs@'
    elif [[ $cur == -* ]]; then
        _ashlar_options "$verb" "$target"
        for word in $words; do
            if [[ $given != *" $word "* ]]; then left+="$word "; fi
        done
        words=$left
    else
        case $verb:$operands in
@operand-cases@        help:0) words='@verbs@' ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

# Where there is nothing to offer, files: of the target file, of explain.
complete -o default -F _ashlar ashlar
)sh";

}  // namespace

std::string bash_completion() {
    std::string verbs;
    for (const verb* v : visible_verbs()) verbs += fmt::format("{} ", v->name);
    const mark marks[] = {{"@option-cases@", option_cases()},
                          {"@choice-cases@", choice_cases()},
                          {"@operand-cases@", operand_cases()},
                          {"@with-value@", fmt::format("{}", fmt::join(options_with_value(), " "))},
                          {"@verbs@", verbs}};
    return filled(script, marks);
}

}  // namespace ashlar::cli
