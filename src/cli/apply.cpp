// SPDX-License-Identifier: MIT
#include "cli/apply.hpp"

#include "base/try.hpp"
#include "cli/background.hpp"
#include "cli/device_acts.hpp"
#include "cli/recipe.hpp"
#include "device/nodes.hpp"
#include "device/resize.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>

namespace ashlar::cli {

namespace {

constexpr std::uint64_t remove_limit_ns = 60 * control::second_ns;

struct known_device {
    device_entry entry;
    recipe how;
};

// The words by which a device was asked for, without its size.
std::string but_size(const std::string& asked) {
    std::istringstream words(asked);
    std::string rest;
    for (std::string word; words >> word;) {
        if (!word.starts_with("--size=")) rest += word + " ";
    }
    return rest;
}

std::optional<std::uint64_t> size_of(const configured_device& d) {
    if (!d.add.values.has("size")) return std::nullopt;
    const auto bytes = parse_size(d.add.values.text("size"), "size");
    return bytes ? std::optional(*bytes) : std::nullopt;
}

class applier {
public:
    applier(std::string path, apply_manner how, apply_teller tell)
        : path_(std::move(path)), how_(how), tell_(std::move(tell)) {}
    result<> look();
    result<> bring(const configured_device& d);
    std::vector<error> prune(const std::vector<configured_device>& wanted);
    result<> remove(const known_device& k);
    [[nodiscard]] const std::vector<known_device>& ours() const { return ours_; }

private:
    result<> add(const configured_device& d, std::string_view word);
    result<> bring_size(const configured_device& d, const known_device& k);
    result<> replace(const configured_device& d, const known_device& k, std::string_view word);
    [[nodiscard]] std::string node(std::uint32_t id) const { return device_room::block_path(id); }

    std::string path_;
    apply_manner how_;
    apply_teller tell_;
    os::machine& m_ = os::linux_machine();
    std::unique_ptr<control::control> control_;
    std::vector<known_device> ours_;  // of this file
    std::vector<device_entry> others_;
};

result<> applier::look() {
    ASHLAR_TRY(control_, control::control::open(m_, false));
    for (const std::uint32_t id : device_ids(m_)) {
        auto entry = look_at(*control_, m_, id);
        if (!entry || !entry->record) continue;
        auto how = recipe_of(*entry->record);
        if (how && how->config == path_) ours_.push_back({std::move(*entry), std::move(*how)});
        else others_.push_back(std::move(*entry));
    }
    return {};
}

result<> applier::add(const configured_device& d, std::string_view word) {
    ASHLAR_TRY(auto job, job_of(d.add));
    job.how.config = path_;
    job.how.asked = d.asked;
    // A file's relative paths start where the file is.
    job.how.directory = std::filesystem::path(path_).parent_path().string();
    if (how_.dry_run) {
        tell_("-", d.name, word);
        return {};
    }
    ASHLAR_TRY(const auto started, start_in_background(std::move(job)));
    tell_(node(started.id), d.name, word);
    return {};
}

result<> applier::remove(const known_device& k) {
    if (how_.dry_run) return {};
    return remove_device(*control_, m_,
                         {.id = k.entry.info.dev_id, .force = false, .limit_ns = remove_limit_ns});
}

result<> applier::replace(const configured_device& d, const known_device& k,
                          std::string_view word) {
    ASHLAR_CHECK(remove(k));
    return add(d, word);
}

result<> applier::bring(const configured_device& d) {
    const auto named = [&](const device_entry& e) { return e.record->name == d.name; };
    if (const auto other = std::ranges::find_if(others_, named); other != others_.end()) {
        return failure({.operation = "apply",
                        .object = d.name,
                        .why = fmt::format("{} has this name, and this file did not ask for it",
                                           node(other->info.dev_id)),
                        .remedy = "rename one of them, or remove that one: ashlar del"});
    }
    const auto found =
        std::ranges::find_if(ours_, [&](const known_device& k) { return named(k.entry); });
    if (found == ours_.end() && !how_.add) return {};
    if (found == ours_.end()) return add(d, "added");
    const auto& [entry, how] = *found;
    const std::uint32_t id = entry.info.dev_id;
    if (entry.state == "live" && but_size(how.asked) == but_size(d.asked)) {
        return bring_size(d, *found);
    }
    if (how.asked != d.asked) {
        if (how_.replace) return replace(d, *found, "replaced");
        return failure({.operation = "apply",
                        .object = fmt::format("{} ({})", d.name, node(id)),
                        .why = fmt::format("the file says now: {}; the device was made by: {}",
                                           d.asked, how.asked),
                        .remedy = "have it removed and made anew: ashlar apply --replace"});
    }
    if (entry.state == "dead") return replace(d, *found, "made anew");
    const bool waits = entry.state == "quiesced" || entry.state == "fail-io";
    if (waits && !how_.dry_run) {
        ASHLAR_CHECK(recover_device(*control_, m_, id, false));
    }
    tell_(node(id), d.name, waits ? "recovered" : "unchanged");
    return {};
}

// One that is as the file says but, perhaps, for its size. It grows unnoticed by its users; what is
// behind an earlier end is nothing for a file to decide on.
result<> applier::bring_size(const configured_device& d, const known_device& k) {
    const std::uint32_t id = k.entry.info.dev_id;
    const std::uint64_t now = k.entry.record->size;
    const std::uint64_t wanted = size_of(d).value_or(now);
    if (wanted == now) {
        tell_(node(id), d.name, "unchanged");
        return {};
    }
    result<> grown = failure({.operation = "apply",
                              .object = fmt::format("{} ({})", d.name, node(id)),
                              .why = fmt::format("the file says {}, and the device has {}",
                                                 format_size(wanted), format_size(now)),
                              .remedy = "write its size into the file; or shrink it: ashlar "
                                        "resize --shrink"});
    if (wanted > now && how_.dry_run) grown = {};
    if (wanted > now && !how_.dry_run) {
        auto done = device_room::ask_resize(id, {.bytes = wanted});
        grown = done ? result<>() : failure(std::move(done).error());
    }
    if (!grown && how_.replace) return replace(d, k, "replaced");
    if (grown) tell_(node(id), d.name, "resized");
    return grown;
}

std::vector<error> applier::prune(const std::vector<configured_device>& wanted) {
    std::vector<error> errors;
    for (const known_device& k : ours_) {
        const std::string& name = k.entry.record->name;
        if (std::ranges::find(wanted, name, &configured_device::name) != wanted.end()) continue;
        if (auto removed = remove(k); !removed) errors.push_back(std::move(removed).error());
        else tell_(node(k.entry.info.dev_id), name, "removed");
    }
    return errors;
}

}  // namespace

std::vector<error> apply(const std::string& path, const std::vector<configured_device>& devices,
                         const apply_manner& how, const apply_teller& tell) {
    applier a(whole_path(path), how, tell);
    if (auto looked = a.look(); !looked) return {std::move(looked).error()};
    // First what goes: it may have what the others want.
    std::vector<error> errors;
    if (how.prune) errors = a.prune(devices);
    for (const configured_device& d : devices) {
        if (auto done = a.bring(d); !done) errors.push_back(std::move(done).error());
    }
    return errors;
}

result<std::vector<device_entry>> devices_of(const std::string& path) {
    applier a(whole_path(path), {}, {});
    ASHLAR_CHECK(a.look());
    std::vector<device_entry> entries;
    for (const known_device& k : a.ours()) entries.push_back(k.entry);
    return entries;
}

std::vector<error> remove_all(const std::string& path) {
    const apply_teller quiet = [](const auto&, const auto&, auto) {};
    return apply(path, {}, {.prune = true}, quiet);
}

std::string whole_path(const std::string& path) {
    std::error_code none;
    const auto whole = std::filesystem::canonical(path, none);
    return none ? path : whole.string();
}

}  // namespace ashlar::cli
