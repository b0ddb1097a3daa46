// SPDX-License-Identifier: MIT
// del: the end of devices. What may wait in the kernel is done by a child, which is left behind if
// it does not end in time: a process whose STOP_DEV waits can't end itself.
#include "base/error_line.hpp"
#include "base/try.hpp"
#include "cli/device_acts.hpp"
#include "cli/each_device.hpp"
#include "cli/messages.hpp"
#include "cli/recipe.hpp"
#include "cli/verbs.hpp"
#include "device/busy.hpp"
#include "device/nodes.hpp"
#include "doctor/bounded.hpp"
#include "doctor/processes.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <sys/stat.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

constexpr std::uint64_t tick_ns = 5'000'000;
constexpr std::uint64_t server_limit_ns = 20 * control::second_ns;
// What a child may still say after its own limit.
constexpr std::uint64_t grace_ns = 2 * control::second_ns;
constexpr std::string_view word_of_success = "done";

// In the child.
result<> stop_and_delete(const del_job& job) {
    os::machine& m = os::linux_machine();
    ASHLAR_TRY(auto c, control::control::open(m, false));
    // Whoever uses the disk keeps its id from being free: that need not be waited for.
    const bool held = job.force && !m.holders_of(device_room::disk_name(job.id)).empty();
    const std::uint64_t end = m.now_ns() + job.limit_ns;
    ASHLAR_CHECK(job.force ? c->stop(job.id, job.limit_ns)
                           : device_room::stop_if_idle(*c, m, job.id, job.limit_ns));
    const std::uint64_t now = m.now_ns();
    const std::uint64_t left = std::max(end - std::min(end, now), control::second_ns);
    return device_room::delete_stopped(*c, job.id, held ? control::second_ns : left);
}

result<> do_in_child(const del_job& job) {
    doctor::helper child([&](const doctor::helper::channel& parent) {
        const auto done = stop_and_delete(job);
        parent.say(done ? std::string(word_of_success) : line_of(done.error()));
        return 0;
    });
    const auto line = child.line(job.limit_ns + grace_ns);
    if (line && *line == word_of_success) return {};
    if (line) {
        if (auto said = error_in(*line)) return failure(std::move(*said));
    }
    error e{.operation = "del",
            .object = device_room::block_path(job.id),
            .code = ETIMEDOUT,
            .why = "the kernel has not answered in time",
            .remedy = fmt::format("see what it waits for: ashlar why {}", job.id)};
    return failure(std::move(e));
}

// Ends a server of ashlar's that does not answer; its requests end with it. False if there is none.
bool end_server(const device_entry& e) {
    if (!e.record || e.record->pid <= 0) return false;
    const auto server = doctor::look_at_process(doctor::files(), e.record->pid);
    if (!server.has(doctor::hold::kind::character, e.info.dev_id)) return false;
    log(level::warning, fmt::format("{}: its server (pid {}) does not answer, and is killed",
                                    device_room::block_path(e.info.dev_id), e.record->pid));
    return ::kill(e.record->pid, SIGKILL) == 0;
}

error server_is_stuck(std::uint32_t id, int pid, error e) {
    if (e.code != ETIMEDOUT || pid <= 0) return e;
    e.why = fmt::format("the server (pid {}) does not answer the requests of device {}", pid, id);
    e.remedy = fmt::format("ashlar del --force {}; or end it: kill -9 {}", id, pid);
    return e;
}

void await_end(os::machine& m, int pid) {
    const std::uint64_t since = m.now_ns();
    while (is_alive(pid) && m.now_ns() - since < server_limit_ns) m.sleep_ns(tick_ns);
    if (is_alive(pid)) {
        log(level::warning,
            fmt::format("process {} had a part in it and has not ended; it may be stopped", pid));
    }
}

// Devices whose server is gone, of whatever program. One that waits for a new server is among them
// only if nothing keeps it.
result<std::vector<std::uint32_t>> dead_devices(control::control& c, os::machine& m) {
    std::vector<std::uint32_t> dead;
    const auto processes = doctor::ublk_processes(doctor::files());
    for (const std::uint32_t id : device_ids(m)) {
        auto entry = look_at(c, m, id);
        if (!entry && entry.error().code == ENODEV) continue;
        if (!entry) return failure(std::move(entry).error());
        if (entry->state == "live" || entry->state == "starting") continue;
        const bool served = std::ranges::any_of(processes, [id](const doctor::process_view& p) {
            return p.has(doctor::hold::kind::character, id);
        });
        const auto how = entry->record ? recipe_of(*entry->record) : result<recipe>(failure({}));
        if (!served && !(how && has_keeper(*how))) dead.push_back(id);
    }
    return dead;
}

result<std::vector<std::uint32_t>> asked_for(const command& c, control::control& control,
                                             os::machine& m) {
    if (c.values.has("all")) return device_ids(m);
    if (c.values.has("dead")) return dead_devices(control, m);
    return named_devices(c, control, m);
}

// What the caller has open would be held by this process, too, and be told as a use of the disk.
void let_go_of_disks() {
    for (const int fd : descriptors_but({})) {
        struct stat found{};
        if (::fstat(fd, &found) == 0 && S_ISBLK(found.st_mode)) ::close(fd);
    }
}

}  // namespace

result<> remove_device(control::control& c, os::machine& m, const del_job& job) {
    ASHLAR_TRY(const auto entry, look_at(c, m, job.id));
    // A keeper would bring the server back.
    int keeper = 0;
    if (entry.record) {
        const auto how = recipe_of(*entry.record);
        if (how && has_keeper(*how)) keeper = how->keeper;
    }
    auto removed = do_in_child(job);
    if (!removed && removed.error().code == ETIMEDOUT && job.force) {
        if (keeper > 0) ::kill(keeper, SIGSTOP);
        const bool killed = end_server(entry);
        if (killed) removed = do_in_child(job);
    }
    // Also one that somebody else has stopped: it has nothing left to keep, and ends.
    if (job.force && keeper > 0) ::kill(keeper, SIGCONT);
    const int pid = entry.info.ublksrv_pid;
    if (!removed) return failure(server_is_stuck(job.id, pid, std::move(removed).error()));
    device_room::remove_record(m, job.id, entry.info.ublksrv_flags);
    // They have nothing left to do: whoever adds the next device finds this one's gone.
    if (entry.record) await_end(m, entry.record->pid);
    await_end(m, keeper);
    return {};
}

int run_del(const command& c) {
    const bool many = c.values.has("all") || c.values.has("dead");
    if (many != c.words.empty() || (c.values.has("all") && c.values.has("dead"))) {
        return report(
            c,
            {.operation = "del",
             .why =
                 many ? "--all, --dead and named devices exclude each other" : "no device is named",
             .remedy = "name devices (ashlar del 0), or use --all or --dead; see ashlar del --help",
             .usage = true});
    }
    auto seconds = c.values.number("timeout", 60, 1, 3600);
    if (!seconds) return report(c, seconds.error());
    let_go_of_disks();
    os::machine& m = os::linux_machine();
    if (many && device_ids(m).empty()) return 0;
    auto control = control::control::open(m, false);
    if (!control) return report(c, control.error());
    auto ids = asked_for(c, **control, m);
    if (!ids) return report(c, ids.error());
    int code = 0;
    for (const std::uint32_t id : *ids) {
        const del_job job{
            .id = id, .force = c.values.has("force"), .limit_ns = *seconds * control::second_ns};
        auto removed = remove_device(**control, m, job);
        const bool gone = many && !removed && removed.error().code == ENODEV;
        if (!removed && !gone) code = report(c, removed.error());
        if (removed && c.values.has("json")) tell_done(c, id, "removed");
        else if (removed && c.values.has("dead")) fmt::print("{}\n", device_room::block_path(id));
    }
    return code;
}

}  // namespace ashlar::cli
