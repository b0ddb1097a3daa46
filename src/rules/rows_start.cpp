// SPDX-License-Identifier: MIT
// START_DEV, and the two commands of a recovery.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

constexpr subject start[] = {subject::start_dev};
constexpr subject start_recovery[] = {subject::start_user_recovery};
constexpr subject end_recovery[] = {subject::end_user_recovery};

maybe no_basic(const call& c) {
    return c.stored_types.is([](auto types) { return (types & uapi::param_type_basic) == 0; });
}
// From 7.3 on the wait also ends when the device is being stopped.
maybe waits(const kernel& k, const call& c) {
    return !holds(c.all_fetched) && (!k.at_least(7, 3) || !holds(c.stopping));
}
maybe interrupted(const kernel& k, const call& c) { return waits(k, c) && holds(c.interrupted); }
maybe other_opener(const kernel&, const call& c) { return !holds(c.pid_is_opener); }
maybe no_recovery(const kernel&, const call& c) { return !has(c.flags, uapi::f_user_recovery); }
maybe not_recoverable(const call& c) {
    return c.state != uapi::device_state::quiesced && c.state != uapi::device_state::fail_io;
}

constexpr version opener_backports[] = {{6, 16, 1}};
constexpr range opener_checked = {.since = {6, 17, 0}, .also_since = opener_backports};

constexpr std::string_view fetch_mend =
    "send FETCH_REQ (or PREP_IO_CMDS) for every tag of every queue, as many as ADD_DEV gave back";
constexpr std::string_view recovery_mend = "set UBLK_F_USER_RECOVERY at ADD_DEV";

constexpr row rows[] = {
    {.id = "START-1",
     .about = start,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.data.is([](auto d) { return static_cast<std::int32_t>(d) <= 0; });
         },
     .means = "data[0] is the server's process id, and it is not more than 0",
     .mend = "set ublksrv_ctrl_cmd.data[0] to getpid() of the server",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-2",
     .about = start,
     .kernels = since(6, 2),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return no_basic(c); },
     .means = "No basic parameters are in force (a SET_PARAMS that failed forgets them)",
     .mend = "send SET_PARAMS with the basic part before START_DEV",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-3",
     .about = start,
     .kernels = since(6, 6),
     .error = EOPNOTSUPP,
     .breaks =
         [](auto& k, auto& c) {
             return !k.zoned && c.stored_types.is([](auto types) {
                 return (types & uapi::param_type_zoned) != 0;
             });
         },
     .means = "The parameters are of a zoned disk, and this kernel was built without them",
     .mend = "leave the zoned part out",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-4",
     .about = start,
     .error = EINTR,
     .breaks = &interrupted,
     .means = "A signal, a cancellation or the end of the process came while START_DEV waited for "
              "the fetches",
     .mend = fetch_mend,
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-4",
     .about = start,
     .what = effect::blocks,
     .breaks = &waits,
     .means = "START_DEV waits, without a limit, until every tag of every queue has been fetched",
     .mend = fetch_mend,
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-2",
     .about = start,
     .kernels = until(6, 2),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return no_basic(c); },
     .means = "No basic parameters are in force (this kernel looks after the wait)",
     .mend = "send SET_PARAMS with the basic part before START_DEV",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-5",
     .about = start,
     .kernels = opener_checked,
     .error = EINVAL,
     .breaks = &other_opener,
     .means = "data[0] is not the process that opened /dev/ublkcN",
     .mend = "set data[0] to the id of the process (not the thread) that opened the device",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-6",
     .about = start,
     .error = EEXIST,
     .breaks = [](auto&,
                  auto& c) { return c.state == uapi::device_state::live || holds(c.disk_used); },
     .means = "The device is live already, or its former disk still has users",
     .mend = "stop the device, and wait until nobody has /dev/ublkbN open",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-7",
     .about = start,
     .kernels = since(7, 3),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.stopping); },
     .means = "The device was stopped while the server has /dev/ublkcN open",
     .mend = "close /dev/ublkcN, open it again, and fetch anew",
     .source = "ublk_ctrl_start_dev"},
    {.id = "START-8",
     .about = start,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.limits_accepted); },
     .means = "The block layer refuses the limits: max_sectors is less than a logical block, or "
              "max_active_zones is not 0 and less than max_open_zones, or a shift is absurd",
     .mend = "look at the parameters with GET_PARAMS",
     .source = "blk_validate_limits"},
    {.id = "START-8",
     .about = start,
     .error = ENOMEM,
     .means = "The kernel has no memory for the disk",
     .mend = "free memory, and try again",
     .source = "blk_mq_alloc_disk"},
    {.id = "START-9",
     .about = start,
     .kernels = since(6, 6),
     .breaks = [](auto&, auto& c) { return has(c.flags, uapi::f_zoned) && c.zones_error != 0; },
     .error_of = [](auto& c) { return c.zones_error.value(); },
     .means = "The zones can't be read: the server must answer REPORT_ZONES during START_DEV",
     .mend = "serve requests from another thread than the one that waits for START_DEV, and report "
             "zones of chunk_sectors each, without a gap",
     .source = "ublk_revalidate_disk_zones"},
    {.id = "START-10",
     .about = start,
     .breaks = [](auto&, auto& c) { return c.add_disk_error != 0; },
     .error_of = [](auto& c) { return c.add_disk_error.value(); },
     .means = "The disk can't be added, perhaps because there is one of its name",
     .mend = "see the kernel's log",
     .source = "add_disk"},
    {.id = "SREC-1",
     .about = start_recovery,
     .error = EINVAL,
     .breaks = &no_recovery,
     .means = "The device was made without recovery",
     .mend = recovery_mend,
     .source = "ublk_ctrl_start_recovery"},
    {.id = "SREC-1",
     .about = start_recovery,
     .kernels = until(6, 16),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.any_queue_was_ready); },
     .means = "No queue of the device was ever fetched, so there is nothing to recover",
     .mend = "start the device in the usual way",
     .source = "ublk_ctrl_start_recovery"},
    {.id = "SREC-2",
     .about = start_recovery,
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.char_open) || not_recoverable(c); },
     .means = "The old server still has /dev/ublkcN open, or its release is still going on, or "
              "the device does not wait for a new server (state QUIESCED or FAIL_IO)",
     .mend = "wait for the end of the old server, and try again some milliseconds later; ask "
             "GET_DEV_INFO for the state",
     .source = "ublk_ctrl_start_recovery"},
    {.id = "EREC-1",
     .about = end_recovery,
     .error = EINTR,
     .breaks = &interrupted,
     .means = "A signal, a cancellation or the end of the process came while END_USER_RECOVERY "
              "waited for the fetches",
     .mend = fetch_mend,
     .source = "ublk_ctrl_end_recovery"},
    {.id = "EREC-1",
     .about = end_recovery,
     .what = effect::blocks,
     .breaks = &waits,
     .means = "END_USER_RECOVERY waits, without a limit, until every tag of every queue has been "
              "fetched",
     .mend = fetch_mend,
     .source = "ublk_ctrl_end_recovery"},
    {.id = "EREC-2",
     .about = end_recovery,
     .kernels = opener_checked,
     .error = EINVAL,
     .breaks = &other_opener,
     .means = "data[0] is not the process that opened /dev/ublkcN",
     .mend = "set data[0] to the id of the process (not the thread) that opened the device",
     .source = "ublk_ctrl_end_recovery"},
    {.id = "EREC-3",
     .about = end_recovery,
     .error = EINVAL,
     .breaks = &no_recovery,
     .means = "The device was made without recovery",
     .mend = recovery_mend,
     .source = "ublk_ctrl_end_recovery"},
    {.id = "EREC-4",
     .about = end_recovery,
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return not_recoverable(c); },
     .means = "The device does not wait for a new server (state QUIESCED or FAIL_IO)",
     .mend = "use START_DEV for a device that is DEAD; a LIVE one needs nothing",
     .source = "ublk_ctrl_end_recovery"},
};

}  // namespace

std::span<const row> start_rows() { return rows; }

}  // namespace ashlar::rules
