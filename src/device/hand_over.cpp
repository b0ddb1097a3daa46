// SPDX-License-Identifier: MIT
#include "device/hand_over.hpp"

#include "base/try.hpp"
#include "control/control.hpp"
#include "device/recovery.hpp"

#include <algorithm>

namespace ashlar::device_room {

namespace {

constexpr std::uint64_t shortest_look_ns = 1'000'000, longest_look_ns = 50'000'000;
constexpr std::uint64_t quiesce_waits_ms = 10'000;
constexpr std::uint64_t ask_again_ns = 50'000'000;

}  // namespace

result<> ask_to_let_go(os::machine& m, std::uint32_t id, const std::function<result<>()>& tell) {
    ASHLAR_TRY(auto control, control::control::open(m, false));
    ASHLAR_TRY(const auto info, control->info(id));
    if ((info.flags & uapi::f_quiesce) != 0) return control->quiesce(id, quiesce_waits_ms);
    return tell();
}

result<> await_let_go(os::machine& m, std::uint32_t id, std::uint64_t limit_ns, bool asks) {
    ASHLAR_TRY(auto control, control::control::open(m, false));
    const std::uint64_t start = m.now_ns();
    std::uint64_t asked = start;
    for (;;) {
        ASHLAR_TRY(const auto info, control->info(id));
        auto waits = check_waits(info);
        const std::uint64_t now = m.now_ns();
        // A device that was stopped never waits for one again.
        const bool may_wait_yet =
            (info.flags & uapi::f_user_recovery) != 0 &&
            info.state == static_cast<std::uint16_t>(uapi::device_state::live);
        if (waits || !may_wait_yet || now - start >= limit_ns) return waits;
        if (asks && (info.flags & uapi::f_quiesce) != 0 && now - asked >= ask_again_ns) {
            asked = now;
            [[maybe_unused]] auto quiesced = control->quiesce(id, quiesce_waits_ms);
        }
        m.sleep_ns(std::clamp((now - start) / 16, shortest_look_ns, longest_look_ns));
    }
}

}  // namespace ashlar::device_room
