// SPDX-License-Identifier: MIT
#include "device/watcher.hpp"

#include "base/try.hpp"

#include <algorithm>
#include <mutex>

namespace ashlar::device_room {

namespace {

constexpr std::uint64_t usual_pause_ns = 1'000'000'000;
constexpr std::uint64_t idle_pause_ns = 30'000'000'000;
// So many looks at idle devices until the pauses become long.
constexpr unsigned looks_until_idle = 8;

}  // namespace

watcher::~watcher() {
    if (!thread_) return;
    {
        std::lock_guard lock(*monitor_);
        ends_ = true;
        monitor_->notify_all();
    }
    thread_.reset();
}

result<> watcher::add(watched& one) {
    {
        std::lock_guard lock(*monitor_);
        all_.push_back(&one);
        monitor_->notify_all();
    }
    if (thread_) return {};
    ASHLAR_TRY(thread_, machine_.start_thread("ashlar watch", {}, [this] { work(); }));
    return {};
}

void watcher::remove(watched& one) {
    std::lock_guard lock(*monitor_);
    std::erase(all_, &one);
}

void watcher::work() {
    unsigned idle_looks = 0;
    machine_.give_up_rights();
    std::lock_guard lock(*monitor_);
    while (!ends_) {
        const std::size_t before = all_.size();
        const bool idle = idle_looks >= looks_until_idle;
        const std::uint64_t until = machine_.now_ns() + (idle ? idle_pause_ns : usual_pause_ns);
        // A new one is used soon.
        while (!ends_ && all_.size() <= before) {
            const std::uint64_t now = machine_.now_ns();
            if (now >= until) break;
            monitor_->wait(until - now);
        }
        if (ends_) return;
        idle_looks += 1;
        std::erase_if(all_, [&](watched* one) {
            const auto seen = one->look_at();
            if (seen == watched::look::used) idle_looks = 0;
            return seen == watched::look::done;
        });
    }
}

}  // namespace ashlar::device_room
