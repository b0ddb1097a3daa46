// SPDX-License-Identifier: MIT
#include "queue/pool.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace ashlar::queue {

namespace {

// Small buffers are had many at a time.
constexpr std::size_t least_at_a_time = 64 << 10;

}  // namespace

unsigned pool::class_of(std::size_t bytes) noexcept {
    const auto shift = static_cast<unsigned>(std::bit_width(bytes - 1));
    return shift <= smallest_shift ? 0 : shift - smallest_shift;
}

std::byte* pool::take(std::size_t bytes) noexcept {
    const unsigned which = class_of(bytes);
    if (unused_[which] == nullptr && !grow(which)) return nullptr;
    unused* taken = unused_[which];
    unused_[which] = taken->next;
    return reinterpret_cast<std::byte*>(taken);
}

void pool::give_back(std::byte* buffer, std::size_t bytes) noexcept {
    const unsigned which = class_of(bytes);
    unused_[which] = new (buffer) unused{.next = unused_[which]};
}

bool pool::grow(unsigned which) noexcept {
    const std::size_t each = std::size_t{1} << (which + smallest_shift);
    const std::size_t all = std::max(each, least_at_a_time);
    auto memory = reserved::take(machine_, all);
    if (!memory) return false;
    try {
        taken_.push_back(std::move(*memory));
    } catch (const std::bad_alloc&) {
        return false;
    }
    std::byte* const begin = taken_.back().data();
    for (std::size_t at = all; at != 0; at -= each) give_back(begin + at - each, each);
    return true;
}

}  // namespace ashlar::queue
