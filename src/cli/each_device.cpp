// SPDX-License-Identifier: MIT
#include "cli/each_device.hpp"

#include "base/try.hpp"
#include "cli/verbs.hpp"
#include "device/nodes.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ashlar::cli {

result<std::vector<std::uint32_t>> named_devices(const command& c, control::control& control,
                                                 os::machine& m) {
    std::vector<std::uint32_t> ids;
    for (const std::string& word : c.words) {
        ASHLAR_TRY(const auto id, find_device(control, m, word));
        ids.push_back(id);
    }
    return ids;
}

int for_each_device(
    const command& c, bool (*wanted)(const device_entry&),
    const std::function<result<>(control::control&, os::machine&, std::uint32_t)>& act) {
    const bool all = c.values.has("all");
    if (all != c.words.empty()) {
        return report(
            c,
            {.operation = std::string(c.what->name),
             .why = all ? "--all and named devices exclude each other" : "no device is named",
             .remedy = fmt::format(
                 "name devices (ashlar {0} 0), or use --all; see ashlar {0} --help", c.what->name),
             .usage = true});
    }
    os::machine& m = os::linux_machine();
    const auto present = device_ids(m);
    if (all && present.empty()) return 0;
    auto control = control::control::open(m, false);
    if (!control) return report(c, control.error());
    auto ids = named_devices(c, **control, m);
    if (!ids) return report(c, ids.error());
    if (all) {
        for (const std::uint32_t id : present) {
            const auto entry = look_at(**control, m, id);
            if (entry && entry->record && wanted(*entry)) ids->push_back(id);
        }
    }
    int code = 0;
    for (const std::uint32_t id : *ids) {
        const auto done = act(**control, m, id);
        if (!done) code = report(c, done.error());
    }
    return code;
}

void tell_done(const command& c, std::uint32_t id, const std::string& done,
               std::optional<std::uint64_t> pause_ns) {
    const std::string node = device_room::block_path(id);
    if (!c.values.has("json")) {
        fmt::print("{} {}\n", node, done);
        return;
    }
    nlohmann::ordered_json json = {{"id", id}, {"node", node}, {"done", done}};
    if (pause_ns) json["pause_ms"] = static_cast<double>(*pause_ns) / 1e6;
    fmt::print("{}\n", json.dump());
}

}  // namespace ashlar::cli
