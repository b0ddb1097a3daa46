// SPDX-License-Identifier: MIT
#include "base/try.hpp"
#include "cli/command_line.hpp"
#include "targets/registry.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

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

const option* find_option(const command& c, std::string_view name) {
    for (const option& o : c.what->options) {
        if (o.name == name) return &o;
    }
    if (c.kind == nullptr) return nullptr;
    for (const option& o : c.kind->options) {
        if (o.name == name) return &o;
    }
    return nullptr;
}

error unknown_option(const command& c, std::string_view name) {
    std::vector<std::string> names{"--help"};
    for (const option& o : c.what->options) names.push_back(fmt::format("--{}", o.name));
    if (c.kind != nullptr) {
        for (const option& o : c.kind->options) names.push_back(fmt::format("--{}", o.name));
    }
    std::vector<std::string_view> views(names.begin(), names.end());
    return wrong(fmt::format("unknown option '{}'", name),
                 c.kind == nullptr
                     ? fmt::format("ashlar {} has no such option", c.what->name)
                     : fmt::format("ashlar {} {} has no such option", c.what->name, c.kind->name),
                 nearest(name, views), c.what);
}

std::vector<std::string_view> split_choices(std::string_view choices) {
    std::vector<std::string_view> words;
    while (!choices.empty()) {
        auto bar = std::min(choices.find('|'), choices.size());
        words.push_back(choices.substr(0, bar));
        choices.remove_prefix(std::min(bar + 1, choices.size()));
    }
    return words;
}

result<> check_value(const command& c, const option& o, const std::string& text) {
    const std::string what = fmt::format("--{}", o.name);
    switch (o.kind) {
        case value_kind::size: ASHLAR_CHECK(parse_size(text, what)); break;
        case value_kind::number: ASHLAR_CHECK(parse_number(text, what, o.low, o.high)); break;
        case value_kind::choice: {
            auto words = split_choices(o.choices);
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
    if (words.size() < 2) {
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

result<> take_word(command& c, std::string_view word) {
    if (c.what->takes == operands::target) {
        if (c.kind == nullptr) return take_target(c, word);
        for (const option& o : c.kind->options) {
            if (o.first_word && !c.values.has(o.name)) return set_option(c, o, std::string(word));
        }
    } else if (c.what->takes == operands::devices ||
               (c.what->takes != operands::none && c.words.empty())) {
        c.words.emplace_back(word);
        return {};
    }
    return failure(wrong(fmt::format("unexpected word '{}'", word),
                         fmt::format("usage: ashlar {} {}", c.what->name, c.what->usage), "",
                         c.what));
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
    // Levenshtein's distance, row by row.
    auto distance = [](std::string_view a, std::string_view b) {
        std::vector<std::size_t> row(b.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 0; i < a.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i + 1);
            for (std::size_t j = 0; j < b.size(); ++j) {
                const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
            }
        }
        return row.back();
    };
    std::string best;
    std::size_t least = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (std::string_view candidate : candidates) {
        const std::size_t d = distance(word, candidate);
        if (d >= least) continue;
        least = d;
        best = candidate;
    }
    return best;
}

result<command> parse(std::span<const char* const> words) {
    std::vector<std::string_view> names;
    for (const verb& v : all_verbs()) {
        if (!v.hidden) names.push_back(v.name);
    }
    if (words.empty()) {
        return failure(wrong("a verb is missing",
                             fmt::format("the verbs are {}", fmt::join(names, ", ")), "", nullptr));
    }
    command c;
    std::string_view first = words[0];
    if (first == "-h" || first == "--help" || first == "help") first = "help";
    if (first == "-V" || first == "--version") first = "version";
    c.what = find_verb(first);
    if (c.what == nullptr) {
        return failure(
            wrong(fmt::format("unknown {} '{}'", first.starts_with('-') ? "option" : "verb", first),
                  fmt::format("the verbs are {}", fmt::join(names, ", ")), nearest(first, names),
                  nullptr));
    }
    bool only_words = false;
    for (std::size_t i = 1; i < words.size();) {
        std::string_view word = words[i];
        if (!only_words && (word == "--help" || word == "-h")) {
            c.values.set("help", "");
            return c;
        }
        if (!only_words && word == "--") {
            only_words = true;
            ++i;
        } else if (!only_words && word.starts_with('-') && word.size() > 1) {
            ASHLAR_TRY(auto taken, take_option(c, words.subspan(i)));
            i += taken;
        } else {
            ASHLAR_CHECK(take_word(c, word));
            ++i;
        }
    }
    const bool lacks_target = c.what->takes == operands::target && c.kind == nullptr;
    const bool lacks_word =
        (c.what->takes == operands::one_device || c.what->takes == operands::one_word) &&
        c.words.empty();
    if (lacks_target || lacks_word) {
        return failure(wrong(lacks_target ? "a target is missing" : "a device is missing",
                             fmt::format("usage: ashlar {} {}", c.what->name, c.what->usage), "",
                             c.what));
    }
    return c;
}

}  // namespace ashlar::cli
