// SPDX-License-Identifier: MIT
// Notices that the kernel keeps requests to itself. QUIESCE_DEV takes back the commands that wait;
// where every tag was with the server just then there was none to take back, and the kernel tells
// nobody: commits are accepted, and no request comes any more (KERNEL.md, QUI-4).
#include "device/life.hpp"
#include "device/nodes.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <mutex>
#include <sstream>

namespace ashlar {

namespace {

constexpr std::uint64_t pause_ns = control::second_ns;
// So many looks in a row at requests of which none comes: a server that was stopped by a signal
// finds old ones at the first.
constexpr unsigned looks = 3;

// Of /sys/block/ublkbN/stat: requests under way, those that the driver has put back among them.
std::uint64_t under_way(os::machine& m, std::uint32_t id) {
    const auto text = m.read_text("/sys/block/" + device_room::disk_name(id) + "/stat");
    if (!text) return 0;
    std::istringstream fields(*text);
    std::uint64_t field = 0;
    for (int i = 0; i < 9; ++i) fields >> field;
    return fields ? field : 0;
}

}  // namespace

void device::implementation::start_watch() {
    if ((info_.flags & uapi::f_quiesce) == 0) return;
    watch_ends_ = false;
    auto started = machine_.start_thread(fmt::format("ashlar {}w", id()), {}, [this] { watch(); });
    if (started) {
        watch_ = std::move(*started);
    } else {
        log(level::warning, started.error().text());
    }
}

void device::implementation::end_watch() {
    if (!watch_) return;
    {
        std::lock_guard lock(*monitor_);
        watch_ends_ = true;
        monitor_->notify_all();
    }
    watch_.reset();
}

// False if it is to end.
bool device::implementation::watch_pauses() {
    const std::uint64_t until = machine_.now_ns() + pause_ns;
    for (;;) {
        const std::uint64_t now = machine_.now_ns();
        std::lock_guard lock(*monitor_);
        if (watch_ends_ || ended()) return false;
        if (now >= until) return true;
        monitor_->wait(until - now);
    }
}

void device::implementation::watch() {
    std::uint64_t before = 0;
    unsigned seen = 0;
    machine_.give_up_rights();
    while (watch_pauses()) {
        std::uint64_t completions = 0;
        bool in_hand = false;
        for (const auto& life : queues_) {
            completions += life->counters.completions.get();
            in_hand = in_hand || life->counters.any_in_hand();
        }
        const bool moved = completions != before;
        before = completions;
        const bool held_back = !in_hand && !moved && under_way(machine_, id()) != 0;
        seen = held_back ? seen + 1 : 0;
        if (seen < looks) continue;
        log(level::warning,
            fmt::format("device {}: the kernel has requests and gives none to its server, as after "
                        "a QUIESCE_DEV that found every tag in use",
                        id()));
        for (const auto& life : queues_) queue::queue::wake_to_end(machine_, life->wakeup_fd);
        return;
    }
}

}  // namespace ashlar
