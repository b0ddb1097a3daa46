// SPDX-License-Identifier: MIT
#include "queue/frames.hpp"

#include <ashlar/task.hpp>

#include <new>

namespace ashlar::queue {

namespace {

thread_local frame_arena* current_arena = nullptr;
thread_local std::uint64_t heap_frames = 0;

// Stands before each frame; its size keeps the frame's alignment.
struct alignas(__STDCPP_DEFAULT_NEW_ALIGNMENT__) frame_header {
    frame_arena* arena;
    std::size_t bytes;
};

constexpr std::size_t rounded(std::size_t bytes) {
    constexpr std::size_t unit = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
    return (bytes + sizeof(frame_header) + unit - 1) / unit * unit;
}

}  // namespace

std::byte* frame_arena::take(std::size_t bytes) noexcept {
    if (bytes > bytes_ - used_) return nullptr;
    std::byte* block = memory_ + used_;
    used_ += static_cast<std::uint32_t>(bytes);
    blocks_ += 1;
    return block;
}

void frame_arena::give_back(std::byte* block, std::size_t bytes) noexcept {
    blocks_ -= 1;
    if (blocks_ == 0) {
        used_ = 0;
    } else if (block + bytes == memory_ + used_) {
        used_ -= static_cast<std::uint32_t>(bytes);
    }
}

arena_in_use::arena_in_use(frame_arena* arena) noexcept : before_(current_arena) {
    current_arena = arena;
}

arena_in_use::~arena_in_use() { current_arena = before_; }

frame_arena* arena_in_use::current() noexcept { return current_arena; }

std::uint64_t frames_from_heap() noexcept { return heap_frames; }

}  // namespace ashlar::queue

namespace ashlar::detail {

void* frame_allocate(std::size_t bytes) {
    using namespace ashlar::queue;
    const std::size_t whole = rounded(bytes);
    frame_arena* arena = current_arena;
    std::byte* block = arena != nullptr ? arena->take(whole) : nullptr;
    if (block == nullptr) {
        heap_frames += 1;
        arena = nullptr;
        block = static_cast<std::byte*>(::operator new(whole));
    }
    return new (block) frame_header{arena, whole} + 1;
}

void frame_release(void* frame) noexcept {
    using namespace ashlar::queue;
    auto* header = static_cast<frame_header*>(frame) - 1;
    auto* block = reinterpret_cast<std::byte*>(header);
    if (header->arena != nullptr) {
        header->arena->give_back(block, header->bytes);
    } else {
        ::operator delete(block);
    }
}

}  // namespace ashlar::detail
