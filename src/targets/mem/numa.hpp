// SPDX-License-Identifier: MIT
// Which of a machine's memories a RAM disk is taken from, where processors have memory of their
// own (NUMA).
#pragma once

#include <ashlar/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar::targets {

struct numa {
    enum class policy : std::uint8_t {
        usual,      // as the kernel likes: the node of the processor that writes first
        node,       // from this one while it has some, then from the nearest
        interleave  // page by page, from all in turn
    };
    static constexpr unsigned nodes_max = 1024;

    policy from = policy::usual;
    unsigned node = 0;
};

// Of memory that nothing has been written to. An error if there is no such node for this process.
result<> place_memory(std::span<std::byte> memory, const numa& where);

}  // namespace ashlar::targets
