// SPDX-License-Identifier: MIT
// Memory that clients share with this process (UBLK_F_SHMEM_ZC, Linux 7.1). A request whose data
// lies in it comes with the region's number and an offset, and is answered there: nobody copies.
//
// The kernel gives a region its number and may send requests of it before whoever registers it has
// read the answer. So a region that is unknown is looked for once more under the lock, which is
// held while the kernel is asked. Regions go only while the kernel has no requests of them.
#pragma once

#include "os/machine.hpp"

#include <array>
#include <atomic>
#include <span>

namespace ashlar::queue {

class shared_regions {
public:
    static constexpr std::uint32_t most = 64;

    explicit shared_regions(os::machine& m) : changes_(m.make_monitor()) {}

    // The memory that a descriptor's address names, all of these bytes; empty if there is none.
    // Threads: any.
    [[nodiscard]] std::span<std::byte> find(std::uint64_t address, std::size_t bytes) const;

    // To be held around put and take, and what the kernel is asked for them.
    [[nodiscard]] os::monitor& changes() const { return *changes_; }
    // `index` is below `most`.
    void put(std::uint32_t index, std::span<std::byte> memory);
    // What was put there; empty if nothing was.
    std::span<std::byte> take(std::uint32_t index);

private:
    struct region {
        std::atomic<std::byte*> begin = nullptr;
        std::size_t bytes = 0;  // written before, and read behind, `begin`
    };
    std::array<region, most> regions_;
    std::unique_ptr<os::monitor> changes_;
};

}  // namespace ashlar::queue
