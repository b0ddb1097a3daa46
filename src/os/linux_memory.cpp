// SPDX-License-Identifier: MIT
// Memory: mappings of the driver's, memory for data, and what keeps it from being swapped.
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ashlar::os {

result<std::span<const std::byte>> linux::map(int fd, std::size_t bytes, std::uint64_t offset) {
    void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd,
                      static_cast<off_t>(offset));
    if (at == MAP_FAILED) {
        return failure({.operation = "mmap", .object = "request descriptors", .code = errno});
    }
    return std::span(static_cast<const std::byte*>(at), bytes);
}

void linux::unmap(std::span<const std::byte> mapping) {
    ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());
}

std::int64_t linux::read_at(int fd, std::span<std::byte> into, std::uint64_t position) {
    const ssize_t count = ::pread64(fd, into.data(), into.size(), static_cast<off64_t>(position));
    return count < 0 ? -errno : count;
}

std::int64_t linux::write_at(int fd, std::span<const std::byte> from, std::uint64_t position) {
    const ssize_t count = ::pwrite64(fd, from.data(), from.size(), static_cast<off64_t>(position));
    return count < 0 ? -errno : count;
}

result<std::span<std::byte>> linux::allocate_memory(std::size_t bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return failure({.operation = "allocate memory",
                        .object = fmt::format("{} bytes", bytes),
                        .code = errno});
    }
    return std::span(static_cast<std::byte*>(at), bytes);
}

void linux::free_memory(std::span<std::byte> memory) { ::munmap(memory.data(), memory.size()); }

result<> linux::lock_memory() {
    // On first use and not at once: a sparse disk of a terabyte costs what is written to it.
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
    const int code = errno;
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    return failure({.operation = "lock the server's memory",
                    .object = {},
                    .code = code,
                    .why = fmt::format("the limit of locked memory is {} KiB (RLIMIT_MEMLOCK)",
                                       limit.rlim_cur >> 10),
                    .remedy =
                        "raise it (ulimit -l unlimited, or LimitMEMLOCK=infinity of the unit), "
                        "or use --no-lock if nothing here swaps on this device"});
}

}  // namespace ashlar::os
