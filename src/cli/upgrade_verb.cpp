// SPDX-License-Identifier: MIT
// upgrade: this program takes running devices over from the servers that have them.
#include "base/try.hpp"
#include "cli/background.hpp"
#include "cli/each_device.hpp"
#include "cli/verbs.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/status.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace ashlar::cli {

namespace {

constexpr std::uint64_t release_limit_ns = 30 * control::second_ns;

error refused(std::uint32_t id, std::string why, std::string remedy) {
    return {.operation = "upgrade",
            .object = fmt::format("device {}", id),
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

// Whether its users notice nothing but a pause.
result<> check_harmless(const uapi::ctrl_dev_info& info) {
    const std::uint32_t id = info.dev_id;
    if ((info.flags & uapi::f_user_recovery) == 0) {
        return failure(refused(id, "it was made without recovery: it ends with its server",
                               "make it again, with --recovery reissue"));
    }
    if ((info.flags & uapi::f_user_recovery_fail_io) != 0) {
        return failure(refused(id, "its mode of recovery is fail-away: requests fail meanwhile",
                               "do it all the same: --force"));
    }
    if ((info.flags & (uapi::f_quiesce | uapi::f_user_recovery_reissue)) != 0) return {};
    return failure(refused(id,
                           "its mode of recovery is wait, and this kernel can't quiesce a device: "
                           "requests that come just then fail",
                           "use Linux 6.16; or do it all the same: --force"));
}

// The new server writes the record when the old one has let go, and nothing may fail any more.
result<> check_record_can_be_written(os::machine& m, const uapi::ctrl_dev_info& info) {
    ASHLAR_TRY(auto lock, device_room::lock_run_directory(m));
    const auto record = device_room::read_record(m, info.dev_id, info.ublksrv_flags);
    return record ? device_room::write_record(m, *record) : result<>();
}

// Where a machine is so busy that the old server has taken its device back before the new one came
// for it, that one comes again.
result<ready_server> hand_over(os::machine& m, const server_job& job) {
    const std::uint64_t since = m.now_ns();
    for (;;) {
        auto ready = start_in_background(job);
        const bool taken_back = !ready && ready.error().code == EBUSY;
        if (!taken_back || m.now_ns() - since >= release_limit_ns) return ready;
    }
}

result<ready_server> upgrade_device(control::control& c, os::machine& m, std::uint32_t id,
                                    bool force) {
    ASHLAR_TRY(const auto entry, look_at(c, m, id));
    if (entry.state != "live") {
        return failure(refused(id, fmt::format("its state is {}: nobody serves it", entry.state),
                               "see ashlar recover, or ashlar del"));
    }
    if (!entry.record) {
        return failure(refused(id, "it was not made by ashlar, or its record is gone",
                               "upgrade it with the program that made it"));
    }
    auto harmless = check_harmless(entry.info);
    const bool possible = (entry.info.flags & uapi::f_user_recovery) != 0;
    if (!harmless && !(force && possible)) return failure(std::move(harmless).error());
    ASHLAR_TRY(recipe how, recipe_of(*entry.record));
    if (how.kind->ends_with_server && how.keepsake < 0) {
        return failure(refused(id, "its contents are in the memory of its server alone",
                               "make it with --supervise"));
    }
    // One that is stopped lets nothing go, and is not asked to.
    ASHLAR_CHECK(device_room::ask_status(id));
    ASHLAR_CHECK(check_record_can_be_written(m, entry.info));
    ASHLAR_TRY(auto job, job_of(*entry.record, std::move(how)));
    job.await_release_ns = release_limit_ns;
    job.handed_over_by = entry.record->pid;
    return hand_over(m, job);
}

}  // namespace

int run_upgrade(const command& c) {
    const auto served = [](const device_entry& e) { return e.state == "live"; };
    const bool force = c.values.has("force");
    return for_each_device(
        c, served,
        [&c, force](control::control& control, os::machine& m, std::uint32_t id) -> result<> {
            ASHLAR_TRY(const ready_server ready, upgrade_device(control, m, id, force));
            tell_done(c, id,
                      fmt::format("is served by process {} now; it paused for {:.1f} ms", ready.pid,
                                  static_cast<double>(ready.pause_ns) / 1e6),
                      ready.pause_ns);
            return {};
        });
}

}  // namespace ashlar::cli
