// SPDX-License-Identifier: MIT
#include "device/busy.hpp"

#include "device/nodes.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>

namespace ashlar::device_room {

namespace {

constexpr std::uint64_t pause_ns = 20'000'000;
constexpr int tries_max = 100;  // two seconds: udev's probing is over by then

bool is_udev(const os::holder& h) {
    return h.program == "systemd-udevd" || h.program == "(udev-worker)" || h.program == "blkid";
}

error busy(std::uint32_t id, const std::vector<os::holder>& holders) {
    error e{.operation = "stop", .object = block_path(id), .code = EBUSY};
    constexpr std::size_t most = 5;
    for (std::size_t i = 0; i < holders.size() && i < most; ++i) {
        e.why += (i == 0 ? "it is " : ", ") + describe(holders[i]);
    }
    if (holders.size() > most) e.why += fmt::format(", and {} more", holders.size() - most);
    if (holders.empty()) e.why = "it is open, but not by a process that can be seen from here";
    e.remedy = "unmount it or end what uses it; to remove it all the same: ashlar del --force";
    return e;
}

// Mounts, swaps and devices on top claim the disk, and a second claim is refused.
bool is_claimed(os::machine& m, std::uint32_t id) {
    auto fd = m.open(block_path(id), O_RDONLY | O_EXCL);
    if (fd) m.close(*fd);
    return !fd && fd.error().code == EBUSY;
}

}  // namespace

std::string describe(const os::holder& h) {
    return h.pid == 0 ? h.how : fmt::format("{} by {} (pid {})", h.how, h.program, h.pid);
}

result<> stop_if_idle(control::control& c, os::machine& m, std::uint32_t id,
                      std::uint64_t limit_ns) {
    auto features = c.features();
    const bool in_one_step = features && (*features & uapi::f_safe_stop_dev) != 0;
    std::vector<os::holder> holders;
    for (int tries = 0; tries < tries_max; ++tries) {
        if (in_one_step) {
            auto stopped = c.try_stop(id, limit_ns);
            if (stopped) return {};
            // No disk: it was never started, or is stopped already. STOP ends its waiting commands.
            if (stopped.error().code == ENODEV) return c.stop(id, limit_ns);
            if (stopped.error().code != EBUSY) return stopped;
            holders = m.holders_of(disk_name(id));
        } else {
            holders = m.holders_of(disk_name(id));
            if (holders.empty() && !is_claimed(m, id)) return c.stop(id, limit_ns);
        }
        if (!std::ranges::all_of(holders, is_udev)) break;
        m.sleep_ns(pause_ns);
    }
    return failure(busy(id, holders));
}

result<> delete_stopped(control::control& c, std::uint32_t id, std::uint64_t limit_ns) {
    auto removed = c.remove(id, limit_ns);
    if (removed || removed.error().code == ENODEV) return {};
    if (removed.error().code != ETIMEDOUT) return removed;
    log(level::warning,
        fmt::format("device {}: somebody still holds it; the kernel keeps the id until that ends",
                    id));
    return {};
}

}  // namespace ashlar::device_room
