// SPDX-License-Identifier: MIT
#include "device/restarts.hpp"

#include "base/try.hpp"
#include "control/control.hpp"
#include "device/record.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::device_room {

namespace {

// One that served for so long has done well.
constexpr std::uint64_t well_after_ns = 5 * control::second_ns;
constexpr std::uint64_t first_pause_ns = 200'000'000;
constexpr std::uint64_t longest_pause_ns = 10 * control::second_ns;

}  // namespace

result<fate> fate_of(os::machine& m, std::uint32_t id, int ended,
                     const std::function<bool(int pid)>& lives) {
    ASHLAR_TRY(auto control, control::control::open(m, false));
    const auto info = control->info(id);
    if (!info && info.error().code == ENODEV) return fate::gone;
    if (!info) return failure(info.error());
    const auto record = read_record(m, id, info->ublksrv_flags);
    if (!record || info->state == static_cast<std::uint16_t>(uapi::device_state::dead)) {
        return fate::gone;
    }
    if (record->pid != ended && record->pid > 0 && lives(record->pid)) {
        return fate::served_elsewhere;
    }
    return fate::waits;
}

void restarts::server_ended(std::uint64_t served_ns) {
    if (served_ns > well_after_ns) failures_ = 0;
}

std::optional<std::uint64_t> restarts::next_pause_ns() {
    if (failures_ == failures_max) return std::nullopt;
    failures_ += 1;
    if (failures_ == 1) return 0;
    return std::min(longest_pause_ns, first_pause_ns << (failures_ - 2));
}

}  // namespace ashlar::device_room
