// SPDX-License-Identifier: MIT
// The man page, in mdoc(7): the fixed text of docs/man/ashlar.1.in, with the tables in its places.
#include "cli/generate.hpp"
#include "cli/pages.hpp"
#include "cli/text.hpp"
#include "targets/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ashlar::cli {

namespace {

constexpr std::size_t source_width = 78;

// One line of text, so written that roff reads no request and no escape in it.
std::string escaped(std::string_view line) {
    std::string out;
    if (line.starts_with('.') || line.starts_with('\'')) out = "\\&";
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool begins_option =
            line[i] == '-' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '-');
        if (line[i] == '\\') out += "\\e";
        else if (begins_option) out += "\\-";
        else out += line[i];
    }
    return out;
}

// A paragraph. A new sentence begins a new line, as roff wants it to set the right space between.
std::string paragraph(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto stop = text.find(". ");
        const auto end = stop == std::string_view::npos ? text.size() : stop + 1;
        const std::string lines = wrapped(text.substr(0, end), source_width);
        for (std::string_view line : split(lines, '\n')) out += escaped(line) + "\n";
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

// "a flag" becomes "A flag."
std::string sentence(std::string_view text) {
    std::string out(text);
    out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
    return out + ".";
}

// A verb and what its usage says, as macros on one line: "[SIZE]" is Oo Ar SIZE Oc.
std::string usage_macros(const verb& v) {
    std::string out = fmt::format("Cm {}", v.name);
    for (std::string_view word : split(v.usage, ' ')) {
        const bool many = word.ends_with("...");
        if (many) word.remove_suffix(3);
        const bool optional = word.starts_with('[');
        if (optional) word = word.substr(1, word.size() - 2);
        std::string macro = fmt::format("Ar {}", word);
        if (word.starts_with("--")) macro = fmt::format("Fl {}", word.substr(1));
        if (word == "|") macro = "|";
        if (many) macro += " ...";
        out += optional ? fmt::format(" Oo {} Oc", macro) : " " + macro;
    }
    return out;
}

std::string option_item(const option& o) {
    std::string out = fmt::format(".It Fl -{}", o.name);
    if (!o.argument.empty()) out += fmt::format(" Ar {}", o.argument);
    out += "\n" + paragraph(sentence(o.help));
    if (!o.choices.empty()) {
        out += paragraph(
            fmt::format("{} is one of {}.", o.argument, fmt::join(split(o.choices, '|'), ", ")));
    }
    if (!o.otherwise.empty()) out += paragraph(fmt::format("The default is {}.", o.otherwise));
    return out;
}

std::string option_list(const std::vector<const option*>& options) {
    if (options.empty()) return {};
    std::string out = ".Bl -tag -width Ds\n";
    for (const option* o : options) out += option_item(*o);
    return out + ".El\n";
}

std::vector<const option*> pointers(std::span<const option> options) {
    std::vector<const option*> out;
    for (const option& o : options) out.push_back(&o);
    return out;
}

bool has_option(const verb& v, std::string_view name) {
    return std::ranges::find(v.options, name, &option::name) != v.options.end();
}

// An option of every verb that makes a device is told once, apart from the verbs.
bool is_of_all_devices(std::string_view name) {
    return std::ranges::all_of(all_verbs(), [&](const verb& v) {
        return v.takes != operands::target || has_option(v, name);
    });
}

std::vector<const option*> device_options(const verb& v, bool of_all) {
    std::vector<const option*> options = pointers(v.options);
    std::erase_if(options, [&](const option* o) { return is_of_all_devices(o->name) != of_all; });
    return options;
}

std::string synopsis() {
    std::string out;
    for (const verb* v : visible_verbs()) out += fmt::format(".Nm\n.{}\n", usage_macros(*v));
    return out;
}

std::string verb_list() {
    std::string out = ".Bl -tag -width Ds\n";
    for (const verb* v : visible_verbs()) {
        out += fmt::format(".It {}\n", usage_macros(*v));
        bool first = true;
        for (std::string_view text : split(v->details, '\n')) {
            if (text.empty()) continue;
            out += (first ? "" : ".Pp\n") + paragraph(text);
            first = false;
        }
        out += option_list(v->takes == operands::target ? device_options(*v, false)
                                                        : pointers(v->options));
    }
    return out + ".El\n";
}

std::string common_options() {
    for (const verb* v : visible_verbs()) {
        if (v->takes == operands::target) return option_list(device_options(*v, true));
    }
    return {};
}

// The paragraphs of a page; its title and its comments are for who reads the file itself.
std::string page_text(std::string_view page) {
    std::string out;
    std::string gathered;
    auto finish = [&] {
        if (!gathered.empty()) out += ".Pp\n" + paragraph(gathered);
        gathered.clear();
    };
    for (std::string_view line : split(page, '\n')) {
        if (line.empty()) finish();
        if (line.empty() || line.starts_with('#') || line.starts_with("<!--")) continue;
        gathered += (gathered.empty() ? "" : " ") + std::string(line);
    }
    finish();
    return out;
}

std::string target_sections() {
    std::string out;
    for (const target_kind* kind : targets::all_kinds()) {
        out += fmt::format(".Ss {}\n", kind->name) + paragraph(sentence(kind->summary));
        for (const target_page& page : target_pages) {
            if (page.target == kind->name) out += page_text(page.text);
        }
        out += option_list(pointers(kind->options));
    }
    return out;
}

}  // namespace

std::string man_page() {
    const mark marks[] = {{"@synopsis@\n", synopsis()},
                          {"@verbs@\n", verb_list()},
                          {"@device-options@\n", common_options()},
                          {"@targets@\n", target_sections()}};
    return filled(man_template, marks);
}

}  // namespace ashlar::cli
