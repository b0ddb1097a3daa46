// SPDX-License-Identifier: MIT
// What the sectors of a simulated disk hold: each says which sector it is and which write it is of,
// and its last word is as telling as its first. So whoever reads one tells old from lost, torn,
// misplaced and never written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar::sim {

inline constexpr std::size_t sector_bytes = 512;

// Which write: its writer in the upper half, its place among that writer's in the lower one, from 1
// on. 0 stands for zeros, the content of what was never written or was discarded.
using value = std::uint64_t;

void stamp(std::span<std::byte, sector_bytes> into, std::uint64_t sector, value v);

// What one sector held.
struct seen {
    enum class kind : std::uint8_t { zeros, whole, misplaced, torn, garbage };
    kind what = kind::zeros;
    value of = 0;              // of a whole, misplaced or torn one
    std::uint64_t sector = 0;  // which it says that it is
};

seen look(std::span<const std::byte, sector_bytes> at, std::uint64_t sector);

}  // namespace ashlar::sim
