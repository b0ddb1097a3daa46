// SPDX-License-Identifier: MIT
// The parser of the command line. What it refuses, it explains: the word, why, and what may have
// been meant.
#include "base/try.hpp"
#include "cli/command_line.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace ashlar::cli {

namespace {

error wrong(std::string what, std::string why, const std::string& guess, const verb* v) {
    error e{.operation = std::move(what), .why = std::move(why), .usage = true};
    if (!guess.empty()) e.remedy = fmt::format("did you mean {}? ", guess);
    e.remedy += v == nullptr ? "see ashlar --help" : fmt::format("see ashlar {} --help", v->name);
    return e;
}

const verb* find_verb(std::string_view name) {
    for (const verb& v : all_verbs()) {
        if (v.name == name) return &v;
    }
    return nullptr;
}

std::string usage_of(const verb& v) {
    return fmt::format("its usage is: ashlar {}{}{}", v.name, v.usage.empty() ? "" : " ", v.usage);
}

// All that the command may have: of its verb, and of its target if that is known.
std::vector<const option*> options_of(const command& c) {
    std::vector<const option*> options;
    for (const option& o : c.what->options) options.push_back(&o);
    if (c.kind == nullptr) return options;
    for (const option& o : c.kind->options) options.push_back(&o);
    return options;
}

const option* find_option(const command& c, std::string_view name) {
    for (const option* o : options_of(c)) {
        if (o->name == name) return o;
    }
    return nullptr;
}

// The target that has an option which was given before the target.
const target_kind* kind_with(std::string_view option_word) {
    for (const target_kind* kind : targets::all_kinds()) {
        for (const option& o : kind->options) {
            if (option_word == fmt::format("--{}", o.name)) return kind;
        }
    }
    return nullptr;
}

error unknown_option(const command& c, std::string_view name) {
    std::string what = fmt::format("unknown option '{}'", name);
    if (c.what->takes == operands::target && c.kind == nullptr && kind_with(name) != nullptr) {
        return wrong(std::move(what),
                     fmt::format("it is an option of a target: name the target first, as in "
                                 "ashlar {} {} {}",
                                 c.what->name, kind_with(name)->name, name),
                     "", c.what);
    }
    std::vector<std::string> names{"--help"};
    for (const option* o : options_of(c)) names.push_back(fmt::format("--{}", o->name));
    const std::vector<std::string_view> views(names.begin(), names.end());
    return wrong(std::move(what),
                 fmt::format("ashlar {}{}{} has no such option", c.what->name,
                             c.kind == nullptr ? "" : " ", c.kind == nullptr ? "" : c.kind->name),
                 nearest(name, views), c.what);
}

result<> check_value(const command& c, const option& o, const std::string& text) {
    const std::string what = fmt::format("--{}", o.name);
    switch (o.kind) {
        case value_kind::size: ASHLAR_CHECK(parse_size(text, what)); break;
        case value_kind::number: ASHLAR_CHECK(parse_number(text, what, o.low, o.high)); break;
        case value_kind::choice: {
            auto words = split(o.choices, '|');
            if (std::ranges::find(words, text) == words.end()) {
                return failure(wrong(fmt::format("{}: '{}'", what, text),
                                     fmt::format("it is one of {}", fmt::join(words, ", ")),
                                     nearest(text, words), c.what));
            }
            break;
        }
        case value_kind::word:
            if (text.empty()) {
                return failure(
                    wrong(fmt::format("{}: ''", what), "the value is empty", "", c.what));
            }
            break;
        case value_kind::flag: break;
    }
    return {};
}

result<> set_option(command& c, const option& o, std::string text) {
    if (c.values.has(o.name)) {
        return failure(wrong(fmt::format("--{}", o.name), "it is given twice", "", c.what));
    }
    ASHLAR_CHECK(check_value(c, o, text));
    c.values.set(o.name, std::move(text));
    return {};
}

// One option and, where it has one, its value; gives how many words that took.
result<std::size_t> take_option(command& c, std::span<const char* const> words) {
    std::string_view word = words[0];
    const auto equals = std::min(word.find('='), word.size());
    std::string_view name = word.substr(0, equals);
    const bool attached = equals != word.size();
    const option* o = name.starts_with("--") ? find_option(c, name.substr(2)) : nullptr;
    if (o == nullptr) return failure(unknown_option(c, name));
    if (o->kind == value_kind::flag) {
        if (attached) {
            return failure(wrong(fmt::format("--{}", o->name), "it takes no value", "", c.what));
        }
        ASHLAR_CHECK(set_option(c, *o, ""));
        return 1;
    }
    if (attached) {
        ASHLAR_CHECK(set_option(c, *o, std::string(word.substr(equals + 1))));
        return 1;
    }
    // What looks like the next option is not a value; --name=--x says that it is meant.
    if (words.size() < 2 || std::string_view(words[1]).starts_with("--")) {
        return failure(wrong(fmt::format("--{}", o->name),
                             fmt::format("its value is missing ({})", o->argument), "", c.what));
    }
    ASHLAR_CHECK(set_option(c, *o, words[1]));
    return 2;
}

result<> take_target(command& c, std::string_view name) {
    c.kind = targets::find_kind(name);
    if (c.kind != nullptr) return {};
    std::vector<std::string_view> names;
    for (const target_kind* kind : targets::all_kinds()) names.push_back(kind->name);
    return failure(wrong(fmt::format("unknown target '{}'", name),
                         fmt::format("the targets are {}", fmt::join(names, ", ")),
                         nearest(name, names), c.what));
}

error unexpected(const command& c, std::string_view word) {
    return wrong(fmt::format("unexpected word '{}'", word), usage_of(*c.what), "", c.what);
}

result<> take_word(command& c, std::string_view word) {
    if (c.what->takes == operands::target) {
        if (c.kind == nullptr) return take_target(c, word);
        for (const option& o : c.kind->options) {
            if (o.first_word && !c.values.has(o.name)) return set_option(c, o, std::string(word));
        }
    } else if (c.what->takes == operands::devices || c.what->takes == operands::words ||
               (c.what->takes == operands::device_and_size && c.words.size() == 1) ||
               (c.what->takes != operands::none && c.words.empty())) {
        c.words.emplace_back(word);
        return {};
    }
    return failure(unexpected(c, word));
}

error no_verb(std::string what, std::string_view word) {
    std::vector<std::string_view> names;
    for (const verb* v : visible_verbs()) names.push_back(v->name);
    return wrong(std::move(what), fmt::format("the verbs are {}", fmt::join(names, ", ")),
                 nearest(word, names), nullptr);
}

// The first word: a verb, or one of the two options that stand for verbs.
result<const verb*> take_verb(std::string_view word) {
    if (word == "-h" || word == "--help") word = "help";
    if (word == "-V" || word == "--version") word = "version";
    if (const verb* v = find_verb(word)) return v;
    if (word.starts_with('-')) {
        constexpr std::string_view options[] = {"--help", "--version"};
        return failure(wrong(fmt::format("unknown option '{}'", word),
                             "options stand behind the verb: ashlar VERB [OPTION]...",
                             nearest(word, options), nullptr));
    }
    return failure(no_verb(fmt::format("unknown verb '{}'", word), word));
}

// No option begins with a digit: -5 is a number, and told to be a bad one.
bool is_option(std::string_view word) {
    return word.size() > 1 && word[0] == '-' &&
           std::isdigit(static_cast<unsigned char>(word[1])) == 0;
}

error lacking(const command& c) {
    const std::string_view thing = c.what->takes == operands::target     ? "target"
                                   : c.what->takes == operands::one_word ? "word"
                                                                         : "device";
    return wrong(fmt::format("a {} is missing", thing), usage_of(*c.what), "", c.what);
}

}  // namespace

result<command> parse(std::span<const char* const> words) {
    if (words.empty()) return failure(no_verb("a verb is missing", ""));
    // What all of it runs on may be said first: ashlar --kernel twin:7.3 run mem.
    const std::string_view first = words[0];
    const std::ptrdiff_t front = first == "--kernel" ? 2 : first.starts_with("--kernel=") ? 1 : 0;
    if (front != 0 && std::ssize(words) > front) {
        std::vector<const char*> turned(words.begin(), words.end());
        std::rotate(turned.begin(), turned.begin() + front, turned.begin() + front + 1);
        return parse(turned);
    }
    command c;
    ASHLAR_TRY(c.what, take_verb(words[0]));
    if (c.what->name == "help" && words.size() > 1 && !is_option(words[1])) {
        if (words.size() > 2) return failure(unexpected(c, words[2]));
        ASHLAR_TRY(c.what, take_verb(words[1]));
        c.values.set("help", "");
        return c;
    }
    bool only_words = false;
    for (std::size_t i = 1; i < words.size();) {
        const std::string_view word = words[i];
        if (!only_words && (word == "--help" || word == "-h")) {
            c.values.set("help", "");
            return c;
        }
        if (!only_words && word == "--") {
            only_words = true;
            ++i;
        } else if (!only_words && is_option(word)) {
            ASHLAR_TRY(auto taken, take_option(c, words.subspan(i)));
            i += taken;
        } else {
            ASHLAR_CHECK(take_word(c, word));
            ++i;
        }
    }
    const bool takes_one = c.what->takes == operands::one_device ||
                           c.what->takes == operands::device_and_size ||
                           c.what->takes == operands::one_word;
    if (c.what->takes == operands::target ? c.kind == nullptr : takes_one && c.words.empty()) {
        return failure(lacking(c));
    }
    return c;
}

}  // namespace ashlar::cli
