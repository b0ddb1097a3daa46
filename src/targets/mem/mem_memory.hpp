// SPDX-License-Identifier: MIT
// Where a RAM disk's bytes are: pages, and a mapping of them.
#pragma once

#include "targets/mem/numa.hpp"

#include <ashlar/error.hpp>

#include <cstddef>
#include <cstdint>

namespace ashlar::targets {

enum class huge_pages : std::uint8_t {
    no,           // pages of 4 KiB: the least memory
    transparent,  // the kernel may use pages of 2 MiB where it has them
    reserved,     // all of the disk in pages that the administrator has set aside
};

inline std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) {
    return (n + unit - 1) / unit * unit;
}
std::uint64_t page_bytes_of(huge_pages pages);
// In whole pages; less than `bytes` if there is no such number.
std::uint64_t mapped_bytes(std::uint64_t bytes, huge_pages pages);
// Zeros of this process alone; with a descriptor, that file's content. Unmapped by the caller.
result<std::byte*> map_memory(std::uint64_t mapped, huge_pages pages, const numa& where, int file);
error no_memory(std::uint64_t bytes, huge_pages pages, int code);

}  // namespace ashlar::targets
