// SPDX-License-Identifier: MIT
#include "cli/recipe.hpp"

#include "cli/inventory.hpp"
#include "os/machine.hpp"
#include "targets/registry.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ashlar::cli {

std::string text_of(const recipe& r) {
    nlohmann::ordered_json values = nlohmann::ordered_json::object();
    for (const option& o : r.kind->options) {
        if (r.values.has(o.name)) values[std::string(o.name)] = r.values.text(o.name);
    }
    // Options of the device by which targets are made.
    for (const char* name : {"read-only", "block-size", "queues"}) {
        if (r.values.has(name)) values[name] = r.values.text(name);
    }
    const nlohmann::ordered_json json = {{"target", r.kind->name},
                                         {"values", values},
                                         {"program", r.program},
                                         {"directory", r.directory},
                                         {"threads_per_queue", r.threads_per_queue},
                                         {"spin_us", r.spin_us},
                                         {"lock_memory", r.lock_memory},
                                         {"unfenced", r.unfenced},
                                         {"supervised", r.supervised},
                                         {"keeper", r.keeper},
                                         {"keepsake", r.keepsake},
                                         {"config", r.config},
                                         {"asked", r.asked}};
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

result<recipe> recipe_of(const device_room::record& record) {
    error e{.operation = "serve it again",
            .object = fmt::format("device {}", record.id),
            .why = "its record does not say how",
            .remedy = "use the program that made it; or remove it: ashlar del"};
    const auto json = nlohmann::json::parse(record.recipe, nullptr, false);
    if (json.is_discarded() || !json.is_object()) return failure(std::move(e));
    try {
        recipe r;
        const auto kind = json.at("target").get<std::string>();
        r.kind = targets::find_kind(kind);
        if (r.kind == nullptr) {
            e.why = fmt::format("this ashlar has no target {}", kind);
            return failure(std::move(e));
        }
        for (const auto& [name, text] : json.at("values").items()) {
            r.values.set(name, text.get<std::string>());
        }
        r.program = json.at("program").get<std::string>();
        r.directory = json.at("directory").get<std::string>();
        r.lock_memory = json.at("lock_memory").get<bool>();
        r.unfenced = json.at("unfenced").get<bool>();
        r.supervised = json.at("supervised").get<bool>();
        r.keeper = json.at("keeper").get<int>();
        r.keepsake = json.at("keepsake").get<int>();
        // An older ashlar's records lack them.
        r.threads_per_queue = json.value("threads_per_queue", 1U);
        r.spin_us = json.value("spin_us", 0U);
        r.config = json.value("config", "");
        r.asked = json.value("asked", "");
        return r;
    } catch (const nlohmann::json::exception&) {
        return failure(std::move(e));
    }
}

bool has_keeper(const recipe& r) {
    if (!is_alive(r.keeper)) return false;
    // The number may be another process's by now.
    const auto name = os::linux_machine().read_text(fmt::format("/proc/{}/comm", r.keeper));
    return name && *name == std::string(keeper_name) + "\n";
}

}  // namespace ashlar::cli
