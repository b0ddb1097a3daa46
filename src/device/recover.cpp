// SPDX-License-Identifier: MIT
// A new server for a device whose old one is gone.
#include "base/try.hpp"
#include "device/life.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/recovery.hpp"
#include "device/threads.hpp"
#include "queue/ready.hpp"
#include "uapi/print.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cerrno>

namespace ashlar {

using namespace device_room;

namespace {

// The old server's hold on the device goes some time after its end.
constexpr std::uint64_t release_limit_ns = 30 * control::second_ns;
constexpr std::uint64_t release_pause_ns = 3'000'000;
// Who quiesces a device wants another server for it: so long that one is waited for.
constexpr std::uint64_t successor_limit_ns = 3 * control::second_ns;

}  // namespace

result<std::unique_ptr<device::implementation>> device::implementation::recover(os::machine& m,
                                                                                std::uint32_t id,
                                                                                target served,
                                                                                options wanted) {
    std::unique_ptr<implementation> d(new implementation(m, std::move(served), std::move(wanted)));
    if (auto taken = d->take_over(id); !taken) {
        d->let_go(false);
        return failure(std::move(taken).error());
    }
    return d;
}

result<> device::implementation::take_over(std::uint32_t id) {
    ASHLAR_CHECK(prepare());
    ASHLAR_TRY(info_, control_->info(id));
    ASHLAR_CHECK(check_waits(info_));
    ASHLAR_TRY(const uapi::params params, control_->get_params(id));
    ASHLAR_TRY(plan_, plan_of_device(wanted_, target_, machine_.page_bytes(), info_, params));
    lane_ = lane_of_device(info_.flags);
    // What the device has, whatever the options say.
    wanted_.delivery = lane_.delivery;
    ASHLAR_TRY(const std::uint64_t known, control_->features());
    ASHLAR_CHECK(check_threads_per_queue(wanted_, info_.queue_depth, known, machine_.version()));
    ASHLAR_CHECK(serve_waiting());
    tell(step::kind::block_node, fmt::format("{}, {}, recovered by process {}", block_path(id),
                                             uapi::bytes_text(plan_.size), machine_.process_id()));
    return {};
}

result<> device::implementation::serve_waiting() {
    // Only while nobody has ublkcN open, so before it is opened here.
    ASHLAR_CHECK(start_recovery());
    ASHLAR_CHECK(open_node());
    ASHLAR_CHECK(start_queues());
    ASHLAR_CHECK(end_recovery());
    added_ = recorded_ = true;
    start_watch();
    spare_control();
    return {};
}

result<> device::implementation::start_recovery() {
    const std::uint64_t start = machine_.now_ns();
    for (bool mended = false;;) {
        auto started = control_->start_recovery(id());
        if (started) return started;
        const int code = started.error().code;
        if (code == EINVAL && !mended) {
            ASHLAR_CHECK(mend_broken_recovery());
            mended = true;
            continue;
        }
        if (code != EBUSY || machine_.now_ns() - start > release_limit_ns) return started;
        // Somebody else may have been faster.
        ASHLAR_TRY(const auto now, control_->info(id()));
        ASHLAR_CHECK(check_waits(now));
        machine_.sleep_ns(release_pause_ns);
    }
}

// Of a server that died while it took the device over. On a thread of its own: the kernel expects
// those that have fetched before to be gone when it starts a recovery.
result<> device::implementation::mend_broken_recovery() {
    ASHLAR_TRY(const int fd, open_char_node(machine_, id()));
    result<> ready;
    auto thread = machine_.start_thread("ashlar mend", {}, [&] {
        ready =
            queue::make_ready_once(machine_, fd, 0, info_.queue_depth,
                                   lane_.lane == lane::plain_copy, control_->uses_raw_commands());
    });
    if (thread) {
        thread->reset();
    } else {
        ready = failure(std::move(thread).error());
    }
    machine_.close(fd);
    return ready;
}

// The name and the age are the device's; the rest is this server's.
result<> device::implementation::write_record_anew(const std::optional<record>& before) {
    ASHLAR_CHECK(prepare_run_directory(machine_));
    ASHLAR_TRY(auto lock, lock_run_directory(machine_));
    if (before) {
        wanted_.name = before->name;
    } else {
        ASHLAR_CHECK(check_name_is_free(machine_, *control_, wanted_.name));
    }
    const record anew{.id = id(),
                      .cookie = info_.ublksrv_flags,
                      .pid = machine_.process_id(),
                      .name = wanted_.name,
                      .kind = wanted_.kind,
                      .lane = std::string(name(lane_.lane)),
                      .size = plan_.size,
                      .created = before ? before->created : machine_.wall_clock_seconds(),
                      .recipe = wanted_.recipe};
    // Of a server that nobody has relieved: there is nothing to write, and no room is needed.
    if (before == anew) return {};
    return write_record(machine_, anew);
}

// The record first: behind END_USER_RECOVERY requests come, and nothing may fail any more.
result<> device::implementation::end_recovery() {
    const std::uint64_t cookie = info_.ublksrv_flags;
    const auto before = read_record(machine_, id(), cookie);
    ASHLAR_CHECK(write_record_anew(before));
    auto ended = control_->end_recovery(id(), machine_.process_id());
    if (ended) return {};
    if (!before) {
        machine_.remove_file(record_path(id()));
    } else if (auto back = write_record(machine_, *before); !back) {
        log(level::warning, back.error().text());
    }
    return ended;
}

// Whatever of ours holds the device goes, and the device waits for the next server.
void device::implementation::let_go(bool tags_come_back) {
    end_watch();
    end_queues(tags_come_back);
    queues_.clear();
    queues_ended_ = 0;
    if (char_fd_ >= 0) machine_.close(std::exchange(char_fd_, -1));
    added_ = recorded_ = false;
}

bool device::implementation::is_served_elsewhere() {
    auto now = control_->info(id());
    if (!now || now->state != static_cast<std::uint16_t>(uapi::device_state::live)) return false;
    const auto record = read_record(machine_, id(), now->ublksrv_flags);
    const int pid = record ? record->pid : now->ublksrv_pid;
    return pid > 0 && pid != machine_.process_id();
}

// Until the device waits for a server: first the kernel's work behind the end of the round, and
// then a while for who wanted it to have an end.
result<> device::implementation::await_release(bool for_successor) {
    const std::uint64_t start = machine_.now_ns();
    std::uint64_t waits_since = 0;
    for (;;) {
        ASHLAR_TRY(const auto now, control_->info(id()));
        const std::uint64_t time = machine_.now_ns();
        if (auto waits = check_waits(now); waits) {
            if (waits_since == 0) waits_since = time;
            if (!for_successor || time - waits_since > successor_limit_ns) return {};
        } else if (is_served_elsewhere() || time - start > release_limit_ns) {
            return waits;
        }
        machine_.sleep_ns(release_pause_ns);
    }
}

// Nobody sends commands for this process any more: all that is left is to let the device go. The
// record tells when somebody has come for it; a keeper is not to come in between.
result<bool> device::implementation::make_way(error why) {
    let_go(ended());
    const std::uint64_t start = machine_.now_ns();
    while (machine_.now_ns() - start <= successor_limit_ns) {
        const auto record = read_record(machine_, id(), info_.ublksrv_flags);
        if (!record || record->pid != machine_.process_id()) return false;
        machine_.sleep_ns(release_pause_ns);
    }
    return failure(std::move(why));
}

result<bool> device::implementation::resume() {
    ASHLAR_CHECK(have_control());
    auto now = control_->info(id());
    if (!now && now.error().code == ENODEV) return false;
    if (!now && now.error().code == EPIPE) return make_way(std::move(now).error());
    if (!now) return failure(std::move(now).error());
    const bool stays = (now->flags & uapi::f_user_recovery) != 0 &&
                       now->state != static_cast<std::uint16_t>(uapi::device_state::dead);
    if (!stays) return false;
    if (wanted_.threads && !ended() && (now->flags & uapi::f_quiesce) == 0) {
        return failure({.operation = "hand over",
                        .object = block_path(id()),
                        .code = EOPNOTSUPP,
                        .why = "its threads serve other devices, too, and without QUIESCE_DEV "
                               "(Linux 6.16) only their end lets one go",
                        .remedy = "end the process: each of its devices waits for a server then"});
    }
    // Where nobody could quiesce it, a late work of the kernel did: nobody wants it.
    const bool for_successor = !ended() || !machine_.version().older_than(6, 16);
    let_go(ended());
    machine_.close(std::exchange(ended_fd_, -1));
    ASHLAR_TRY(ended_fd_, machine_.wakeup_open());
    auto served = await_release(for_successor);
    if (served) {
        // Another keeper may have come since, which has entered itself.
        const auto mine = read_record(machine_, id(), info_.ublksrv_flags);
        if (mine && mine->pid == machine_.process_id()) wanted_.recipe = mine->recipe;
        served = serve_waiting();
    }
    if (served) return true;
    let_go(false);
    if (served.error().code == ENODEV || is_served_elsewhere()) return false;
    return failure(std::move(served).error());
}

result<device> device::recover(std::uint32_t id, target served, options wanted) {
    auto inside =
        implementation::recover(os::linux_machine(), id, std::move(served), std::move(wanted));
    if (!inside) return failure(std::move(inside).error());
    return device(std::move(*inside));
}

}  // namespace ashlar
