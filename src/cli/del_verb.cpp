// SPDX-License-Identifier: MIT
// del: removes devices, whoever serves them, and also when nobody does any more.
#include "base/try.hpp"
#include "cli/inventory.hpp"
#include "cli/verbs.hpp"
#include "device/busy.hpp"
#include "device/nodes.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>

namespace ashlar::cli {

namespace {

constexpr std::uint64_t delete_limit_ns = 30 * control::second_ns;
constexpr std::uint64_t tick_ns = 5'000'000;
constexpr int server_ticks_max = 4000;  // twenty seconds

error server_is_stuck(std::uint32_t id, int pid, error e) {
    if (e.code != ETIMEDOUT || pid <= 0) return e;
    e.why = fmt::format("the server (pid {}) does not answer the requests of device {}", pid, id);
    e.remedy = fmt::format("end it (kill -9 {}), then: ashlar del {}", pid, id);
    return e;
}

result<> remove_device(control::control& c, os::machine& m, std::uint32_t id, bool force) {
    ASHLAR_TRY(auto entry, look_at(c, m, id));
    const int pid = entry.info.ublksrv_pid;
    // Whoever uses the disk keeps its id from being free: that need not be waited for.
    const bool held = force && !m.holders_of(device_room::disk_name(id)).empty();
    auto stopped = force ? c.stop(id) : device_room::stop_if_idle(c, m, id);
    if (!stopped) return failure(server_is_stuck(id, pid, std::move(stopped).error()));
    // The server has seen the stop and may be the one that deletes it first.
    ASHLAR_CHECK(device_room::delete_stopped(c, id, held ? control::second_ns : delete_limit_ns));
    device_room::remove_record(m, id, entry.info.ublksrv_flags);
    // Its server has nothing left to do: whoever adds the next device finds this one's gone.
    if (entry.record && pid > 0) {
        for (int tick = 0; ::kill(pid, 0) == 0 && tick < server_ticks_max; ++tick) {
            m.sleep_ns(tick_ns);
        }
    }
    return {};
}

}  // namespace

int run_del(const command& c) {
    const bool all = c.values.has("all");
    if (all != c.words.empty()) {
        return report(
            {.operation = "del",
             .why = all ? "--all and named devices exclude each other" : "no device is named",
             .remedy = "name devices (ashlar del 0), or use --all; see ashlar del --help",
             .usage = true});
    }
    os::machine& m = os::linux_machine();
    const auto present = device_ids(m);
    if (all && present.empty()) return 0;
    auto control = control::control::open(m, false);
    if (!control) return report(control.error());
    std::vector<std::uint32_t> ids = all ? present : std::vector<std::uint32_t>();
    for (const std::string& word : c.words) {
        auto id = find_device(**control, m, word);
        if (!id) return report(id.error());
        ids.push_back(*id);
    }
    int code = 0;
    for (std::uint32_t id : ids) {
        auto removed = remove_device(**control, m, id, c.values.has("force"));
        if (!removed && !(all && removed.error().code == ENODEV)) code = report(removed.error());
    }
    return code;
}

}  // namespace ashlar::cli
