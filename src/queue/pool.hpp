// SPDX-License-Identifier: MIT
// Buffers for the data of requests, for all queues of a serving thread: a request takes one of its
// size, rounded up to a power of two, and gives it back when it is answered. So there is as much of
// this memory as requests have had in their hands at one time, whatever they might have had.
#pragma once

#include "queue/reserved.hpp"

#include <array>
#include <vector>

namespace ashlar::queue {

class pool {
public:
    explicit pool(os::machine& m) : machine_(m) {}

    // From a page boundary on; null if there is no memory. 1 byte to 32 MiB.
    std::byte* take(std::size_t bytes) noexcept;
    void give_back(std::byte* buffer, std::size_t bytes) noexcept;

private:
    // Kept in the buffers that nobody uses.
    struct unused {
        unused* next;
    };
    static constexpr unsigned smallest_shift = 12;
    static constexpr unsigned classes = 14;  // up to 32 MiB
    static unsigned class_of(std::size_t bytes) noexcept;
    bool grow(unsigned which) noexcept;

    os::machine& machine_;
    std::array<unused*, classes> unused_ = {};
    std::vector<reserved> taken_;
};

}  // namespace ashlar::queue
