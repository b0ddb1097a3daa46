// SPDX-License-Identifier: MIT
// Commands that stop, delete, resize and quiesce.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject try_stop[] = {try_stop_dev};
constexpr subject del[] = {del_dev, del_dev_async};
constexpr subject del_and_wait[] = {del_dev};
constexpr subject stopping[] = {stop_dev, try_stop_dev, del_dev, del_dev_async};
constexpr subject size[] = {update_size};
constexpr subject quiesce[] = {quiesce_dev};

maybe held(const kernel&, const call& c) { return !holds(c.id_free); }
maybe live(const call& c) { return c.state == uapi::device_state::live; }
// The driver waits for an idle tag in each queue; devices with batches are not waited for.
maybe busy_queue(const call& c) {
    return live(c) && !has(c.flags, uapi::f_batch_io) && !holds(c.idle_tag_in_each_queue);
}

constexpr std::string_view hold_mend =
    "find who holds the device: an open /dev/ublkcN (also a fixed file of a ring), a mapping of "
    "its descriptors, an opener of /dev/ublkbN. A server that deletes its own device unmaps and "
    "closes first, or sends DEL_DEV_ASYNC (6.9)";
constexpr std::string_view quiesce_mend =
    "let the server answer requests during QUIESCE_DEV; after a failure the device stays "
    "cancelling, so end the server and recover";

constexpr version size_backports[] = {{6, 18, 20}, {6, 19, 9}};

constexpr row rows[] = {
    {.id = "TRY-1",
     .about = try_stop,
     .kernels = since(7, 0),
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return !holds(c.disk_present); },
     .means = "The device has no disk that could be stopped",
     .mend = "nothing to stop: start it, or delete it with DEL_DEV",
     .source = "ublk_ctrl_try_stop_dev"},
    {.id = "TRY-2",
     .about = try_stop,
     .kernels = since(7, 0),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.disk_open); },
     .means = "Somebody has /dev/ublkbN open: a mount, a partition in use, a program",
     .mend = "unmount and close it, or use STOP_DEV, which stops it all the same",
     .source = "ublk_ctrl_try_stop_dev"},
    {.id = "DEL-1",
     .about = del,
     .error = EINTR,
     .breaks = [](auto&, auto& c) { return holds(c.control_busy) && holds(c.interrupted); },
     .means =
         "The caller was killed while it waited for another ADD_DEV or DEL_DEV on this machine",
     .mend = "find who is stuck in DEL_DEV",
     .source = "ublk_ctrl_del_dev"},
    {.id = "DEL-1",
     .about = del,
     .what = effect::blocks,
     .breaks = [](auto&, auto& c) { return holds(c.control_busy); },
     .means = "Another ADD_DEV or DEL_DEV on this machine is not done, and there is one at a time",
     .mend = "find who is stuck in DEL_DEV",
     .source = "ublk_ctrl_del_dev"},
    {.id = "STOP",
     .about = stopping,
     .what = effect::blocks,
     .breaks = [](auto&, auto& c) { return holds(c.disk_present) && holds(c.in_hands); },
     .means = "Stopping waits, without a limit, for the requests that the server has in its hands",
     .mend = "keep answering requests until the command has completed; a server that can't is "
             "ended with a signal",
     .source = "ublk_stop_dev"},
    {.id = "DEL-2",
     .about = del,
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return holds(c.disk_open); },
     .means = "The device is stopped though somebody has its disk open; their I/O fails",
     .mend = "stop with TRY_STOP_DEV (7.0) if that must not be",
     .source = "ublk_remove"},
    {.id = "DEL-3",
     .about = del_and_wait,
     .kernels = since(6, 9),
     .error = EINTR,
     .breaks = [](auto& k, auto& c) { return held(k, c) && holds(c.interrupted); },
     .means = "A signal or a cancellation ended the wait; the deletion goes on by itself",
     .mend = hold_mend,
     .source = "ublk_ctrl_del_dev"},
    {.id = "DEL-3",
     .about = del_and_wait,
     .kernels = since(6, 9),
     .what = effect::blocks,
     .breaks = &held,
     .means = "DEL_DEV waits, without a limit, until nothing holds the device any more",
     .mend = hold_mend,
     .source = "ublk_ctrl_del_dev"},
    {.id = "DEL-3",
     .about = del_and_wait,
     .kernels = until(6, 9),
     .what = effect::blocks,
     .breaks = &held,
     .means =
         "DEL_DEV waits until nothing holds the device any more; on this kernel no signal ends "
         "the wait, and it holds up every ADD_DEV and DEL_DEV of the machine",
     .mend = hold_mend,
     .source = "ublk_ctrl_del_dev"},
    {.id = "SIZE-1",
     .about = size,
     .kernels = {.since = {7, 0, 0}, .also_since = size_backports},
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return !holds(c.disk_present); },
     .means = "The device has no disk whose size could change",
     .mend = "send UPDATE_SIZE after START_DEV; before, SET_PARAMS gives the size",
     .source = "ublk_ctrl_set_size"},
    {.id = "SIZE-1",
     .about = size,
     .kernels = {.since = {6, 16, 0}, .until = {7, 0, 0}, .also_until = size_backports},
     .what = effect::blocks,
     .breaks = [](auto&, auto& c) { return !holds(c.disk_present); },
     .means =
         "The device has no disk, and this kernel follows a null pointer then (CVE-2026-43364): "
         "the command never returns, and the machine must be started again",
     .mend = "ask GET_DEV_INFO first: the state must be LIVE",
     .source = "ublk_ctrl_set_size"},
    {.id = "QUI-1",
     .about = quiesce,
     .kernels = since(6, 16),
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return !has(c.flags, uapi::f_quiesce); },
     .means = "The device was made without UBLK_F_QUIESCE",
     .mend = "set UBLK_F_QUIESCE and UBLK_F_USER_RECOVERY at ADD_DEV",
     .source = "ublk_ctrl_quiesce_dev"},
    {.id = "QUI-2",
     .about = quiesce,
     .kernels = since(6, 16),
     .error = ENODEV,
     .breaks =
         [](auto&, auto& c) {
             return !holds(c.disk_present) || c.state == uapi::device_state::dead;
         },
     .means = "The device has no disk that could be quiesced",
     .mend = "send QUIESCE_DEV to a device that is LIVE",
     .source = "ublk_ctrl_quiesce_dev"},
    {.id = "QUI-3",
     .about = quiesce,
     .kernels = since(6, 16),
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return !live(c); },
     .means = "The device is not live (it is quiesced already), so nothing is done",
     .mend = "nothing",
     .source = "ublk_ctrl_quiesce_dev"},
    {.id = "QUI-4",
     .about = quiesce,
     .kernels = since(6, 16),
     .error = EINTR,
     .breaks = [](auto&, auto& c) { return busy_queue(c) && holds(c.interrupted); },
     .means = "A signal or a cancellation came while QUIESCE_DEV waited for idle tags",
     .mend = quiesce_mend,
     .source = "ublk_ctrl_quiesce_dev"},
    {.id = "QUI-4",
     .about = quiesce,
     .kernels = since(6, 16),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return busy_queue(c) && holds(c.timed_out); },
     .means = "The time in data[0] (milliseconds; 0 for none) was over before every queue had an "
              "idle tag (Linux 7.3 was never seen to wait, nor to say this)",
     .mend = quiesce_mend,
     .source = "ublk_ctrl_quiesce_dev"},
    {.id = "QUI-4",
     .about = quiesce,
     .kernels = since(6, 16),
     .what = effect::blocks,
     .breaks = [](auto&, auto& c) { return busy_queue(c); },
     .means = "QUIESCE_DEV is meant to wait until every queue has a tag that the server does not "
              "hold; Linux 7.3 was seen to go on at once, with every tag in the server's hands",
     .mend = quiesce_mend,
     .source = "ublk_ctrl_quiesce_dev"},
};

}  // namespace

std::span<const row> end_rows() { return rows; }

}  // namespace ashlar::rules
