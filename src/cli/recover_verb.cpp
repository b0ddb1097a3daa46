// SPDX-License-Identifier: MIT
// recover: a server, or a keeper, for devices that have lost theirs.
#include "base/try.hpp"
#include "cli/background.hpp"
#include "cli/device_acts.hpp"
#include "cli/each_device.hpp"
#include "cli/keeper.hpp"
#include "cli/verbs.hpp"
#include "device/nodes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::cli {

namespace {

constexpr std::uint64_t release_limit_ns = 30 * control::second_ns;
constexpr std::uint64_t tick_ns = 20'000'000;
constexpr std::uint64_t wait_limit_ns = 30 * control::second_ns;

bool waits(const device_entry& e) { return e.state == "quiesced" || e.state == "fail-io"; }

error refused(std::uint32_t id, std::string why, std::string remedy) {
    return {.operation = "recover",
            .object = fmt::format("device {}", id),
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

// Its keeper lives and has given up, or is just at work.
result<> have_kept(control::control& c, os::machine& m, std::uint32_t id, const recipe& how,
                   std::uint64_t until) {
    tell_to_try_again(how);
    while (m.now_ns() < until) {
        ASHLAR_TRY(const auto entry, look_at(c, m, id));
        if (entry.state == "live") return {};
        m.sleep_ns(tick_ns);
    }
    return failure(refused(
        id, fmt::format("its keeper (pid {}) has not brought it back in half a minute", how.keeper),
        "see why in the device's log (ashlar show), and whether the keeper is stopped"));
}

}  // namespace

result<std::string> recover_device(control::control& c, os::machine& m, std::uint32_t id,
                                   bool unfenced) {
    const std::uint64_t until = m.now_ns() + wait_limit_ns;
    ASHLAR_TRY(auto entry, look_at(c, m, id));
    const bool has_server = entry.record && is_alive(entry.record->pid);
    if (entry.record && !has_server) {
        // The kernel sees the end of a server some time after it.
        while (entry.state == "live" && m.now_ns() < until) {
            m.sleep_ns(tick_ns);
            ASHLAR_TRY(entry, look_at(c, m, id));
        }
    }
    if (entry.state == "dead") {
        return failure(refused(id, "it was stopped, or made without recovery",
                               "remove it and make a new one: ashlar del"));
    }
    if (!entry.record) {
        return failure(refused(id, "it was not made by ashlar, or its record is gone",
                               "use the program that made it; or remove it: ashlar del"));
    }
    ASHLAR_TRY(recipe how, recipe_of(*entry.record));
    if (unfenced) how.unfenced = true;
    if (has_keeper(how)) {
        if (!waits(entry)) return std::string("is served and kept");
        ASHLAR_CHECK(have_kept(c, m, id, how, until));
        return std::string("is served again by its keeper");
    }
    const int server = entry.record->pid;
    if (!waits(entry) && !how.supervised) return std::string("is served");
    if (how.keepsake >= 0 && !has_server) {
        return failure(refused(id, "its contents were in its server and its keeper, and both died",
                               "remove it and make a new one: ashlar del"));
    }
    if (how.kind->ends_with_server && how.keepsake < 0) {
        return failure(refused(id, "its contents ended with its server",
                               "remove it and make a new one, with --supervise: ashlar del"));
    }
    ASHLAR_TRY(auto job, job_of(*entry.record, std::move(how)));
    job.await_release_ns = release_limit_ns;
    const bool goes_on = !waits(entry);
    ASHLAR_TRY(const ready_server ready, start_in_background(std::move(job), goes_on ? server : 0));
    return goes_on ? fmt::format("is kept again; process {} serves it", ready.pid)
                   : fmt::format("is served again by process {}", ready.pid);
}

int run_recover(const command& c) {
    // Of all, those that ashlar can serve.
    const auto servable = [](const device_entry& e) { return e.state != "dead"; };
    const bool unfenced = c.values.has("unfenced");
    return for_each_device(
        c, servable,
        [&c, unfenced](control::control& control, os::machine& m, std::uint32_t id) -> result<> {
            ASHLAR_TRY(const std::string done, recover_device(control, m, id, unfenced));
            tell_done(c, id, done);
            return {};
        });
}

}  // namespace ashlar::cli
