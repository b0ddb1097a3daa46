// SPDX-License-Identifier: MIT
// Stepping a machine of the twin until something is so. For ashlar::twin::machine.
#pragma once

#include "control/control.hpp"
#include "twin/kernel.hpp"
#include "twin/stepped.hpp"

#include <ashlar/twin.hpp>

#include <cstdint>

namespace ashlar::twin {

// What takes so long never comes: servers may have something to do for ever, as they look around.
inline constexpr std::uint64_t patience_ns = 3600 * control::second_ns;

template <class F>
bool comes_true(kernel& k, F&& condition) {
    const std::uint64_t until = k.exec().now() + patience_ns;
    while (!condition()) {
        if (k.exec().now() >= until || !k.steps().step()) return false;
    }
    return true;
}

template <class F>
void await(kernel& k, F&& condition) {
    if (!comes_true(k, condition)) throw standstill(k.steps().waiting());
}

}  // namespace ashlar::twin
