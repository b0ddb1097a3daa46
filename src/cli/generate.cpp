// SPDX-License-Identifier: MIT
// The hidden verb `generate`: it prints pages and completions for the build, and the devices' names
// for the completions.
#include "cli/generate.hpp"

#include "cli/inventory.hpp"
#include "cli/text.hpp"
#include "cli/verbs.hpp"
#include "explain/print.hpp"
#include "os/linux_machine.hpp"
#include "targets/registry.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>

namespace ashlar::cli {

namespace {

std::string device_lines() {
    std::string lines;
    for (const device_word& d : device_words()) {
        lines += fmt::format("{}\t{}\n", d.word, d.description);
    }
    return lines;
}

struct page {
    std::string_view name;
    std::string (*make)();
};

constexpr page pages[] = {{"man", &man_page},
                          {"bash", &bash_completion},
                          {"zsh", &zsh_completion},
                          {"fish", &fish_completion},
                          {"rules", &rules_page},
                          {"devices", &device_lines},
                          {"troubleshooting", &explain::troubleshooting_page}};

error unknown_page(const std::string& name) {
    std::vector<std::string_view> names;
    for (const page& p : pages) names.push_back(p.name);
    const std::string guess = nearest(name, names);
    return {.operation = fmt::format("generate: '{}'", name),
            .why = fmt::format("it is one of {}", fmt::join(names, ", ")),
            .remedy = guess.empty() ? "see ashlar generate --help"
                                    : fmt::format("did you mean {}?", guess),
            .usage = true};
}

}  // namespace

std::vector<device_word> device_words() {
    std::vector<device_word> words;
    // Records can't be compared with the kernel's cookies here, which only root may ask for. A
    // stale one makes a stale suggestion, no more.
    const auto records = device_room::all_records(os::linux_machine());
    for (std::uint32_t id : device_ids(os::linux_machine())) {
        auto r = std::ranges::find(records, id, &device_room::record::id);
        if (r == records.end()) {
            words.push_back({std::to_string(id), "not one of ashlar's"});
            continue;
        }
        const std::string what = fmt::format("{}, {}", r->kind, format_size(r->size));
        words.push_back({std::to_string(id), what});
        if (!r->name.empty()) words.push_back({r->name, fmt::format("{}, device {}", what, id)});
    }
    return words;
}

std::vector<std::string_view> verbs_that_take(operands what) {
    std::vector<std::string_view> names;
    for (const verb* v : visible_verbs()) {
        if (v->takes == what) names.push_back(v->name);
    }
    return names;
}

std::vector<std::string> options_with_value() {
    std::set<std::string> names;
    auto add = [&](std::span<const option> options) {
        for (const option& o : options) {
            if (o.kind != value_kind::flag) names.insert(fmt::format("--{}", o.name));
        }
    };
    for (const verb* v : visible_verbs()) add(v->options);
    for (const target_kind* kind : targets::all_kinds()) add(kind->options);
    return {names.begin(), names.end()};
}

std::string quoted(std::string_view text, std::string_view quote) {
    std::string out = "'";
    for (char c : text) {
        if (c == '\'') out += quote;
        else out += c;
    }
    return out + "'";
}

int run_generate(const command& c) {
    const auto* wanted = std::ranges::find(pages, c.words[0], &page::name);
    if (wanted == std::end(pages)) return report(unknown_page(c.words[0]));
    const std::string text = wanted->make();
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
        return report({.operation = "write to standard output", .code = errno});
    }
    return 0;
}

}  // namespace ashlar::cli
