// SPDX-License-Identifier: MIT
// why: what a stuck process or device waits for.
#include "cli/inventory.hpp"
#include "cli/verbs.hpp"
#include "device/record.hpp"
#include "doctor/why.hpp"
#include "os/machine.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace ashlar::cli {

namespace {

using json = nlohmann::ordered_json;

struct asked {
    bool process;
    std::uint64_t number;
};

// A number is a device's, if there is one of it, and else a process's.
result<asked> what_is_asked(const command& c, const doctor::scene& s, os::machine& m) {
    std::string_view word = c.words[0];
    const auto alone = doctor::number_of(word);
    const bool process = alone && doctor::is_alive(s.fs, static_cast<int>(*alone));
    if (c.values.has("pid") || alone) {
        const auto ids = doctor::device_ids(s.fs);
        const bool device = alone && std::ranges::find(ids, *alone) != ids.end();
        if (alone && !c.values.has("pid") && (device || !process)) return asked{false, *alone};
        if (process) return asked{true, *alone};
        return failure({.operation = "find the process",
                        .object = fmt::format("'{}'", word),
                        .code = ESRCH,
                        .why = "there is no such process",
                        .remedy = "ashlar why --pid PID; see ps"});
    }
    word = name_in(word);
    for (std::string_view prefix : {"ublkb", "ublkc"}) {
        if (!word.starts_with(prefix)) continue;
        const auto number = word.substr(prefix.size());
        // A partition is its disk.
        if (auto id = doctor::number_of(number.substr(0, number.find('p')))) {
            return asked{false, *id};
        }
    }
    for (const device_room::record& r : device_room::all_records(m)) {
        if (r.name == word) return asked{false, r.id};
    }
    return failure({.operation = "find the device",
                    .object = fmt::format("'{}'", c.words[0]),
                    .code = ENODEV,
                    .why = "no ublk device has this name, and it is no process either",
                    .remedy = "name a device (see ashlar list), or a process by its number"});
}

void print_reason(const doctor::reason& r) {
    fmt::print("{}\n", r.what);
    if (!r.why.empty()) {
        fmt::print("  why: {}{}\n", r.why, r.rule.empty() ? "" : fmt::format(" (rule {})", r.rule));
    }
    if (!r.remedy.empty()) fmt::print("  do:  {}\n", r.remedy);
}

}  // namespace

int run_why(const command& c) {
    os::machine& m = os::linux_machine();
    const doctor::scene s = doctor::this_machine(m);
    const auto what = what_is_asked(c, s, m);
    if (!what) return report(c, what.error());
    const auto reasons = what->process
                             ? doctor::why_process(s, static_cast<int>(what->number))
                             : doctor::why_device(s, static_cast<std::uint32_t>(what->number));
    if (!c.values.has("json")) {
        for (const doctor::reason& r : reasons) print_reason(r);
        return 0;
    }
    json j = {{what->process ? "pid" : "device", what->number}, {"reasons", json::array()}};
    for (const doctor::reason& r : reasons) {
        json one = {{"waits", r.waits},
                    {"what", r.what},
                    {"why", r.why},
                    {"do", r.remedy},
                    {"rule", nullptr}};
        if (!r.rule.empty()) one["rule"] = r.rule;
        j["reasons"].push_back(one);
    }
    fmt::print("{}\n", j.dump(2));
    return 0;
}

}  // namespace ashlar::cli
