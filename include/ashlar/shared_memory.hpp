// SPDX-License-Identifier: MIT
// For programs that use a device: memory that they share with its server. Reads into it and writes
// from it with O_DIRECT are not copied by the kernel: the server has the data where it lies.
//
//     auto memory = ashlar::shared_memory::make(0, 4 << 20);
//     int disk = ::open("/dev/ublkb0", O_RDWR | O_DIRECT);
//     ::pread(disk, memory->bytes().data(), 1 << 20, 0);
//
// Needs root, Linux 7.1 or newer, and a device that was made for it (ashlar::lane::shared_memory,
// ashlar add --lane shared-memory). A request whose data lies elsewhere, or in part, is copied as
// ever. What a request has under way must be left alone until it is done, as with every O_DIRECT.
#pragma once

#include <ashlar/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar {

class shared_memory {
public:
    // Zeros, from a page boundary on; `bytes` is a multiple of a page, 4 GiB at most. Blocks until
    // the server has answered and the kernel has let it, a minute and a half at most. The memory is
    // the kernel's to keep in place, beyond what RLIMIT_MEMLOCK says.
    static result<shared_memory> make(std::uint32_t device, std::size_t bytes);
    shared_memory(shared_memory&& other) noexcept;
    shared_memory& operator=(shared_memory&&) = delete;
    // Tells the server; no request of this memory may be under way.
    ~shared_memory();

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return memory_; }

private:
    shared_memory(std::uint32_t device, std::uint32_t index, std::span<std::byte> memory)
        : device_(device), index_(index), memory_(memory) {}

    std::uint32_t device_;
    std::uint32_t index_;
    std::span<std::byte> memory_;
};

}  // namespace ashlar
