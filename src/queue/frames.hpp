// SPDX-License-Identifier: MIT
// Memory for coroutine frames. Each tag owns a little; while the queue runs a request, frames of
// the calling thread come from that request's arena. What does not fit goes to the heap and is
// counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ashlar::queue {

// Frames of one request, taken and given back mostly in stack order. Space that is given back out
// of order is found again when the arena is empty, which it is between two requests.
class frame_arena {
public:
    frame_arena() = default;
    frame_arena(std::byte* memory, std::uint32_t bytes) : memory_(memory), bytes_(bytes) {}

    // Null when there is no room.
    std::byte* take(std::size_t bytes) noexcept;
    void give_back(std::byte* block, std::size_t bytes) noexcept;

private:
    std::byte* memory_ = nullptr;
    std::uint32_t bytes_ = 0;
    std::uint32_t used_ = 0;
    std::uint32_t blocks_ = 0;
};

// Makes an arena the calling thread's current one for a while.
class arena_in_use {
public:
    explicit arena_in_use(frame_arena* arena) noexcept;
    ~arena_in_use();
    static frame_arena* current() noexcept;
    arena_in_use(const arena_in_use&) = delete;
    arena_in_use& operator=(const arena_in_use&) = delete;

private:
    frame_arena* before_;
};

// Frames that this thread had to take from the heap.
std::uint64_t frames_from_heap() noexcept;

}  // namespace ashlar::queue
