// SPDX-License-Identifier: MIT
// The completion for fish: a line for each word that can be offered, with its condition.
#include "cli/generate.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::cli {

namespace {

std::string in_quotes(std::string_view text) { return quoted(text, "\\'"); }

std::string offer(std::string_view condition, std::string_view words, std::string_view about) {
    std::string out = fmt::format("complete -c ashlar -n '{}' -a '{}'", condition, words);
    if (!about.empty()) out += " -d " + in_quotes(about);
    return out + "\n";
}

std::string option_line(std::string_view condition, const option& o) {
    std::string out = fmt::format("complete -c ashlar -n '{}; and __ashlar_new {}' -l {}",
                                  condition, o.name, o.name);
    if (o.kind != value_kind::flag) out += o.argument == "FILE" ? " -r -F" : " -x";
    if (!o.choices.empty()) {
        out += fmt::format(" -a '{}'", fmt::join(split(o.choices, '|'), " "));
    }
    return out + " -d " + in_quotes(o.help) + "\n";
}

// An option that several verbs have is one line.
std::string verb_options() {
    std::string out;
    std::vector<std::string_view> done;
    for (const verb* v : visible_verbs()) {
        for (const option& o : v->options) {
            if (std::ranges::find(done, o.name) != done.end()) continue;
            done.push_back(o.name);
            std::string condition = "__ashlar_verb_is";
            for (const verb* other : visible_verbs()) {
                for (const option& same : other->options) {
                    if (same.name == o.name) condition += fmt::format(" {}", other->name);
                }
            }
            out += option_line(condition, o);
        }
    }
    return out;
}

// "CONDITION VERB VERB"
std::string with_verbs(std::string_view condition, operands what) {
    return fmt::format("{} {}", condition, fmt::join(verbs_that_take(what), " "));
}

std::string target_lines() {
    const std::string made = with_verbs("__ashlar_verb_is", operands::target);
    std::string out;
    for (const target_kind* kind : targets::all_kinds()) {
        out += offer(with_verbs("__ashlar_at 1", operands::target), kind->name, kind->summary);
        for (const option& o : kind->options) {
            const std::string its = fmt::format("{}; and __ashlar_target_is {}", made, kind->name);
            out += option_line(its, o);
            if (o.first_word && o.argument == "FILE") {
                out += fmt::format("complete -c ashlar -n '{}' -F\n", its);
            }
        }
    }
    return out;
}

std::string verb_lines() {
    std::string out;
    for (const verb* v : visible_verbs()) {
        out += offer("__ashlar_at 0", v->name, v->summary);
        out += offer("__ashlar_at 1 help", v->name, v->summary);
    }
    return out;
}

constexpr std::string_view script =
    R"sh(# ashlar(1) completion for fish, made by: ashlar generate fish

# The words in front of the cursor that are no options and no options' values: verb, operands.
function __ashlar_words
    set -l words (commandline -opc)
    set -e words[1]
    set -l is_value 0
    for word in $words
        if test $is_value -eq 1
            set is_value 0
        else if string match -q -- '-*' $word
            contains -- $word @with-value@; and set is_value 1
        else
            echo $word
        end
    end
end

# __ashlar_at COUNT VERB...: so many words, and the first is one of the verbs, if there are any
function __ashlar_at
    set -l words (__ashlar_words)
    test (count $words) -eq $argv[1]; or return 1
    test (count $words) -eq 0; or contains -- $words[1] $argv[2..]
end

function __ashlar_verb_is
    set -l words (__ashlar_words)
    test (count $words) -gt 0; and contains -- $words[1] $argv
end

function __ashlar_target_is
    set -l words (__ashlar_words)
    test (count $words) -gt 1; and test $words[2] = $argv[1]
end

# The option has not been given yet, or was given just now and waits for its value.
function __ashlar_new
    set -l words (commandline -opc)
    test "$words[-1]" = --$argv[1]; and contains -- $words[-1] @with-value@; and return 0
    not string match -q -r -- "^--$argv[1](=|\$)" $words
end

function __ashlar_devices
    set -lx PATH $PATH /usr/sbin /sbin
    ashlar generate devices 2>/dev/null
end

complete -c ashlar -f
complete -c ashlar -s h -l help -d 'print help'
complete -c ashlar -n '__ashlar_at 0' -s V -l version -d 'print the version'
@verb-lines@@verb-options@@target-lines@@device-lines@)sh";

}  // namespace

std::string fish_completion() {
    const std::string devices =
        offer(with_verbs("__ashlar_at 1", operands::one_device), "(__ashlar_devices)", "") +
        offer(with_verbs("__ashlar_at 1", operands::device_and_size), "(__ashlar_devices)", "") +
        offer(with_verbs("__ashlar_verb_is", operands::devices), "(__ashlar_devices)", "");
    const mark marks[] = {
        {"@verb-lines@", verb_lines()},
        {"@verb-options@", verb_options()},
        {"@target-lines@", target_lines()},
        {"@device-lines@", devices},
        {"@with-value@", fmt::format("{}", fmt::join(options_with_value(), " "))}};
    return filled(script, marks);
}

}  // namespace ashlar::cli
