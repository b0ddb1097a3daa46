// SPDX-License-Identifier: MIT
#include "cli/config.hpp"

#include "base/try.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>

namespace ashlar::cli {

namespace {

constexpr std::string_view form_of_file =
    "a device is a table [device.NAME] with its target and options of ashlar add";

class reader {
public:
    explicit reader(std::string_view path) : path_(path) {}
    [[nodiscard]] error wrong(const toml::source_region& where, std::string why,
                              std::string remedy = {}) const {
        return {.operation = fmt::format("{}:{}", path_, where.begin.line),
                .why = std::move(why),
                .remedy = remedy.empty() ? std::string(form_of_file) : std::move(remedy),
                .usage = true};
    }
    result<configured_device> device(std::string_view name, const toml::table& of) const;

private:
    result<std::optional<std::string>> word_of(std::string_view key, const toml::node& value) const;
    result<command> check(const std::vector<std::string>& words, const toml::node& at) const;

    std::string path_;
};

// The option as a word of the command line; nothing for a flag that is not wanted.
result<std::optional<std::string>> reader::word_of(std::string_view key,
                                                   const toml::node& value) const {
    if (const auto flag = value.value_exact<bool>()) {
        return *flag ? std::optional(fmt::format("--{}", key)) : std::nullopt;
    }
    if (const auto number = value.value_exact<std::int64_t>()) {
        return fmt::format("--{}={}", key, *number);
    }
    if (const auto text = value.value_exact<std::string>())
        return fmt::format("--{}={}", key, *text);
    return failure(wrong(value.source(), fmt::format("{}: it is no text, number or boolean", key),
                         "write numbers bare, sizes and words in quotes, flags as true or false"));
}

result<command> reader::check(const std::vector<std::string>& words, const toml::node& at) const {
    std::vector<const char*> parts;
    for (const std::string& w : words) parts.push_back(w.c_str());
    auto parsed = parse(parts);
    if (parsed) return parsed;
    error e = std::move(parsed).error();
    std::string what = e.operation + (e.object.empty() ? "" : " ") + e.object;
    return failure(wrong(at.source(), fmt::format("{}: {}", what, e.why), e.remedy));
}

result<configured_device> reader::device(std::string_view name, const toml::table& of) const {
    const toml::node* target = of.get("target");
    const auto kind = target == nullptr ? std::nullopt : target->value_exact<std::string>();
    if (!kind) {
        return failure(wrong(target == nullptr ? of.source() : target->source(),
                             fmt::format("device {} has no target", name),
                             "write, for example: target = \"mem\""));
    }
    std::vector<std::string> words{"add", *kind};
    ASHLAR_CHECK(check(words, *target));
    // By name, so that their order in the file is no difference.
    for (const auto& [key, value] : of) {
        if (key == "target") continue;
        if (key == "name" || key == "json" || key == "help") {
            return failure(wrong(value.source(), fmt::format("{} can't be set here", key.str()),
                                 "the name of a device is that of its table"));
        }
        // In a file this is the rule, and not to be asked for.
        if (key == "supervise") {
            if (value.value_exact<bool>()) continue;
            return failure(wrong(value.source(), "supervise: it is true or false"));
        }
        ASHLAR_TRY(const auto word, word_of(key.str(), value));
        if (!word) continue;
        ASHLAR_CHECK(check({"add", *kind, *word}, value));
        words.push_back(*word);
    }
    const bool ends = std::ranges::count(words, "--recovery=fail") != 0;
    if (of["supervise"].value_or(!ends)) words.emplace_back("--supervise");
    const std::string asked = fmt::format("{}", fmt::join(words.begin() + 1, words.end(), " "));
    words.push_back(fmt::format("--name={}", name));
    ASHLAR_TRY(command add, check(words, of));
    return configured_device{std::string(name), std::move(add), asked};
}

}  // namespace

result<std::vector<configured_device>> parse_config(std::string_view text, std::string_view path) {
    const reader r(path);
    toml::table root;
    try {
        root = toml::parse(text, path);
    } catch (const toml::parse_error& e) {
        return failure(r.wrong(e.source(), std::string(e.description())));
    }
    for (const auto& [key, value] : root) {
        if (key == "device" && value.is_table()) continue;
        return failure(r.wrong(value.source(), fmt::format("{} means nothing here", key.str())));
    }
    std::vector<std::pair<unsigned, configured_device>> found;
    if (const toml::table* devices = root["device"].as_table()) {
        for (const auto& [name, value] : *devices) {
            if (!value.is_table()) {
                return failure(
                    r.wrong(value.source(), fmt::format("device.{} is no table", name.str())));
            }
            ASHLAR_TRY(auto device, r.device(name.str(), *value.as_table()));
            found.emplace_back(value.source().begin.line, std::move(device));
        }
    }
    std::ranges::sort(found, {}, &std::pair<unsigned, configured_device>::first);
    std::vector<configured_device> all;
    for (auto& [line, device] : found) all.push_back(std::move(device));
    return all;
}

result<std::vector<configured_device>> read_config(const std::string& path) {
    std::ifstream file(path);
    // A directory opens, and can't be read.
    if (!file.is_open() || (file.peek(), file.bad())) {
        const int code = errno;
        return failure(
            {.operation = "read the configuration",
             .object = path,
             .code = code,
             .remedy = fmt::format("name another, or write this one: {}", form_of_file)});
    }
    return parse_config(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

}  // namespace ashlar::cli
