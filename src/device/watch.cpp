// SPDX-License-Identifier: MIT
// Notices that the kernel keeps requests to itself. QUIESCE_DEV takes back the commands that wait;
// where every tag was with the server just then there was none to take back, and the kernel tells
// nobody: commits are accepted, and no request comes any more (KERNEL.md, QUI-4).
#include "device/life.hpp"
#include "device/nodes.hpp"
#include "device/queue_life.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

namespace ashlar {

namespace {

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
    held_back_looks_ = 0;
    if (!wanted_.threads) own_watcher_ = std::make_unique<device_room::watcher>(machine_);
    watcher_ = wanted_.threads ? &wanted_.threads.inside()->watcher() : own_watcher_.get();
    if (auto started = watcher_->add(*this); !started) {
        log(level::warning, started.error().text());
    }
}

void device::implementation::end_watch() {
    if (watcher_ == nullptr) return;
    watcher_->remove(*this);
    own_watcher_.reset();
    watcher_ = nullptr;
}

device_room::watched::look device::implementation::look_at() {
    if (ended()) return look::done;
    std::uint64_t completions = 0;
    bool in_hand = false;
    bool was_full = false;
    for (const auto& life : queues_) {
        completions += life->counters.completions.get();
        in_hand = in_hand || life->counters.any_in_hand();
        was_full = was_full || life->counters.was_full.get() != 0;
    }
    const bool moved = completions != completions_seen_;
    completions_seen_ = completions;
    const bool held_back = !in_hand && !moved && under_way(machine_, id()) != 0;
    held_back_looks_ = held_back ? held_back_looks_ + 1 : 0;
    // One that has been idle since may have been quiesced, or not; else a request has come after
    // each moment at which it could have been.
    const bool idle = !moved && !in_hand && !held_back && !was_full;
    if (held_back_looks_ < looks) return idle ? look::idle : look::used;
    log(level::warning,
        fmt::format("device {}: the kernel has requests and gives none to its server, as after a "
                    "QUIESCE_DEV that found every tag in use",
                    id()));
    for (const auto& life : queues_) life->leave();
    return look::done;
}

}  // namespace ashlar
