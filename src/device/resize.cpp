// SPDX-License-Identifier: MIT
// Another size for a device in use. The target must never have less than the kernel believes it
// has: it grows before the device does, and shrinks after it. Its requests are held back meanwhile,
// so it needs no lock.
#include "device/resize.hpp"

#include "base/try.hpp"
#include "device/life.hpp"
#include "device/queue_life.hpp"
#include "device/record.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <mutex>

namespace ashlar {

using namespace device_room;

namespace {

// How long a target may take to answer what it has.
constexpr std::uint64_t hold_limit_ns = 10 * control::second_ns;

}  // namespace

result<std::uint64_t> device::implementation::size_now() const { return target_.size_now(); }

// On a thread that the machine's write-back may depend on: while requests are held back, nothing
// here may wait for memory that has to be written to this very disk first.
result<> device::implementation::resize(std::uint64_t bytes) {
    ASHLAR_CHECK(have_control());
    ASHLAR_CHECK(check_resize(bytes));
    if (bytes == plan_.size) return {};
    result<> outcome;
    ASHLAR_TRY(auto thread, machine_.start_thread(fmt::format("ashlar {}size", id()), {}, [&] {
        machine_.mark_io_thread();
        outcome = resize_device(bytes);
    }));
    thread.reset();
    if (!outcome) return outcome;
    plan_.size = bytes;
    plan_.params.basic.dev_sectors = bytes / uapi::sector_bytes;
    // A server that takes over asks the kernel: the record's size is for people.
    if (auto written = record_size(); !written) log(level::warning, written.error().text());
    return {};
}

result<> device::implementation::check_resize(std::uint64_t bytes) {
    if (!added_ || ended()) {
        return failure(
            resize_refused(id(), ENODEV, "it is not served here any more", "see ashlar list"));
    }
    if (!target_.table().can_resize) {
        return failure(resize_refused(id(), EOPNOTSUPP, "its target has one size for ever",
                                      "make a new device; or give the target a resize"));
    }
    ASHLAR_CHECK(check_size(bytes, 1U << plan_.params.basic.logical_bs_shift));
    return control_->check_update_size(id(), bytes / uapi::sector_bytes);
}

result<> device::implementation::resize_device(std::uint64_t bytes) {
    const std::uint64_t sectors = bytes / uapi::sector_bytes;
    const std::uint64_t before = plan_.size;
    if (bytes > before) ASHLAR_CHECK(resize_target(bytes));
    auto updated = control_->update_size(id(), sectors);
    result<> undone;
    if (!updated && bytes > before) undone = resize_target(before);
    if (updated && bytes < before) {
        updated = resize_target(bytes);
        if (!updated) undone = control_->update_size(id(), before / uapi::sector_bytes);
    }
    if (!undone) log(level::error, "after a failed resize: " + undone.error().text());
    return updated;
}

// While it has no requests. Its queues know the new end when this returns.
result<> device::implementation::resize_target(std::uint64_t bytes) {
    const std::uint64_t before = target_.size();
    if (!hold_queues()) {
        let_queues_go_on(before);
        return failure(resize_refused(
            id(), ETIMEDOUT, "the target has not answered its requests in 10 seconds",
            fmt::format("see how long they take: ashlar stats {}; then try again", id())));
    }
    auto resized = target_.resize(bytes);
    let_queues_go_on(resized ? bytes : before);
    return resized;
}

// True once no queue's target has a request. Queues that have ended have none.
bool device::implementation::hold_queues() {
    const std::uint64_t start = machine_.now_ns();
    std::lock_guard lock(*monitor_);
    for (auto& life : queues_) {
        life->held = false;
        life->hold();
    }
    for (const auto& life : queues_) {
        while (!life->held && life->reached != stage::ended) {
            const std::uint64_t spent = machine_.now_ns() - start;
            if (spent >= hold_limit_ns) return false;
            monitor_->wait(hold_limit_ns - spent);
        }
    }
    return true;
}

void device::implementation::let_queues_go_on(std::uint64_t size) {
    for (auto& life : queues_) life->go_on(size);
}

result<> device::implementation::record_size() {
    ASHLAR_TRY(auto lock, lock_run_directory(machine_));
    auto record = read_record(machine_, id(), plan_.info.ublksrv_flags);
    if (!record) return {};
    record->size = plan_.size;
    return write_record(machine_, *record);
}

}  // namespace ashlar
