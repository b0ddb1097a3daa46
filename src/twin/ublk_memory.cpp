// SPDX-License-Identifier: MIT
// Memory that driver and server share, and copies between them.
#include "twin/ublk_core.hpp"

#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

namespace ashlar::twin {

bool descriptor_area::make(std::uint16_t queues, std::uint16_t depth,
                           std::uint16_t descriptor_bytes, std::uint64_t page) {
    queue_bytes_ = uapi::descriptor_map_bytes(depth, descriptor_bytes, page);
    bytes_ = queue_bytes_ * queues;
    descriptor_bytes_ = descriptor_bytes;
    memory_ = ::memfd_create("ublk descriptors", MFD_CLOEXEC);
    if (memory_ < 0) return false;
    if (::ftruncate(memory_, static_cast<off_t>(bytes_)) != 0) return false;
    void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (at == MAP_FAILED) return false;
    base_ = static_cast<std::byte*>(at);
    return true;
}

void descriptor_area::drop() {
    if (base_ != nullptr) ::munmap(base_, bytes_);
    if (memory_ >= 0) ::close(memory_);
    base_ = nullptr;
    memory_ = -1;
}

uapi::io_desc& descriptor_area::at(std::uint16_t queue, std::uint16_t tag) {
    return *reinterpret_cast<uapi::io_desc*>(base_ + queue * queue_bytes_ +
                                             std::size_t{tag} * descriptor_bytes_);
}

std::span<const std::byte> descriptor_area::map(std::uint16_t queue) const {
    void* at = ::mmap(nullptr, queue_bytes_, PROT_READ, MAP_SHARED, memory_,
                      static_cast<off_t>(queue * queue_bytes_));
    if (at == MAP_FAILED) return {};
    return {static_cast<const std::byte*>(at), queue_bytes_};
}

void descriptor_area::unmap(std::span<const std::byte> mapping) {
    ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());
}

namespace {

constexpr std::size_t page = 4096;

// Calls `move(done, bytes)` for the whole, or if that fails for each page until one fails.
template <class F>
std::size_t by_pages(std::uint64_t address, std::size_t bytes, F&& move) {
    if (bytes == 0 || move(std::size_t{0}, bytes)) return bytes;
    std::size_t done = 0;
    while (done < bytes) {
        const std::size_t to_border = page - (address + done) % page;
        const std::size_t part = std::min(to_border, bytes - done);
        if (!move(done, part)) break;
        done += part;
    }
    return done;
}

}  // namespace

std::size_t copy_from_server(void* to, std::uint64_t address, std::size_t bytes) {
    return by_pages(address, bytes, [&](std::size_t done, std::size_t part) {
        return process::copy_in(static_cast<std::byte*>(to) + done, address + done, part);
    });
}

std::size_t copy_to_server(std::uint64_t address, const void* from, std::size_t bytes) {
    return by_pages(address, bytes, [&](std::size_t done, std::size_t part) {
        return process::copy_out(address + done, static_cast<const std::byte*>(from) + done, part);
    });
}

}  // namespace ashlar::twin
