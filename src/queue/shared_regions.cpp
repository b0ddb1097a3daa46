// SPDX-License-Identifier: MIT
#include "queue/shared_regions.hpp"

#include "uapi/ublk.hpp"

#include <mutex>

namespace ashlar::queue {

std::span<std::byte> shared_regions::find(std::uint64_t address, std::size_t bytes) const {
    const std::uint32_t index = uapi::shmem_index(address);
    if (index >= most) return {};
    const region& r = regions_[index];
    std::byte* begin = r.begin.load(std::memory_order_acquire);
    if (begin == nullptr) [[unlikely]] {
        const std::lock_guard lock(*changes_);
        begin = r.begin.load(std::memory_order_acquire);
    }
    const std::size_t offset = uapi::shmem_offset(address);
    if (begin == nullptr || offset > r.bytes || bytes > r.bytes - offset) return {};
    return {begin + offset, bytes};
}

void shared_regions::put(std::uint32_t index, std::span<std::byte> memory) {
    regions_[index].bytes = memory.size();
    regions_[index].begin.store(memory.data(), std::memory_order_release);
}

std::span<std::byte> shared_regions::take(std::uint32_t index) {
    if (index >= most) return {};
    region& r = regions_[index];
    std::byte* begin = r.begin.exchange(nullptr);
    return {begin, begin == nullptr ? 0 : r.bytes};
}

}  // namespace ashlar::queue
