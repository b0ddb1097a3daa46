// SPDX-License-Identifier: MIT
#include "twin_calls.hpp"

#include "twin/block.hpp"
#include "twin/driver.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>

namespace agree {

namespace twin = ashlar::twin;

twin_calls::~twin_calls() {
    for (const auto& [at, bytes] : memory_) ::munmap(at, bytes);
}

int twin_calls::open(const std::string& path, int flags) { return process_.call_open(path, flags); }

int twin_calls::close(int fd) {
    if (process_.file_of(fd) == nullptr) return -EBADF;
    process_.close(fd);
    return 0;
}

long twin_calls::map(int fd, std::size_t bytes, std::uint64_t position, int protection,
                     bool shared) {
    // What the file system's layer says before the driver is asked.
    const auto* file = process_.file_of(fd);
    if (file == nullptr) return -EBADF;
    if (bytes == 0 || position % 4096 != 0) return -EINVAL;
    if (!file->readable) return -EACCES;
    if (shared && (protection & PROT_WRITE) != 0 && !file->writable) return -EACCES;
    std::span<const std::byte> at;
    const int outcome = process_.call_map(fd, (bytes + 4095) / 4096 * 4096, position, protection,
                                          shared ? MAP_SHARED : MAP_PRIVATE, at);
    if (outcome < 0) return outcome;
    return static_cast<long>(reinterpret_cast<std::uintptr_t>(at.data()));
}

int twin_calls::unmap(std::byte* at, std::size_t bytes) {
    process_.unmap({at, bytes});
    return 0;
}

int twin_calls::protect(std::byte*, std::size_t, int) { return -EACCES; }

twin::open_file* twin_calls::disk_file(int fd) {
    twin::open_file* file = process_.file_of(fd);
    return file != nullptr && file->whole_disk != nullptr ? file : nullptr;
}

int twin_calls::perform(int fd, uapi::op what, std::uint64_t from, std::uint64_t bytes,
                        std::byte* data, std::uint32_t flags) {
    twin::locked lock(process_.home().exec());
    twin::bio b{
        .op = what, .flags = flags, .sector = from / 512, .sectors = bytes / 512, .data = data};
    return process_.home().blocks().perform(*disk_file(fd)->whole_disk, b);
}

// Direct I/O, as the page cache's layer bounds it.
long twin_calls::transfer(int fd, std::byte* data, std::size_t bytes, std::uint64_t position,
                          bool write) {
    const auto info = process_.home().blocks().info(*disk_file(fd)->whole_disk);
    const std::uint64_t size =
        process_.home().ublk().has_block(info.id) ? info.limits.sectors * 512 : 0;
    if (write && info.limits.read_only) return -EPERM;
    if (position >= size) return write && bytes != 0 ? -ENOSPC : 0;
    if (position % info.limits.logical_block != 0 || bytes % info.limits.logical_block != 0) {
        return -EINVAL;
    }
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size - position));
    const int outcome =
        perform(fd, write ? uapi::op::write : uapi::op::read, position, bytes, data);
    return outcome < 0 ? outcome : static_cast<long>(bytes);
}

long twin_calls::pread(int fd, void* to, std::size_t bytes, std::uint64_t position) {
    auto* data = static_cast<std::byte*>(to);
    if (disk_file(fd) != nullptr) return transfer(fd, data, bytes, position, false);
    return process_.call_pread(fd, {data, bytes}, position);
}

long twin_calls::pwrite(int fd, const void* from, std::size_t bytes, std::uint64_t position) {
    auto* data = static_cast<std::byte*>(const_cast<void*>(from));
    if (disk_file(fd) != nullptr) return transfer(fd, data, bytes, position, true);
    return process_.call_pwrite(fd, {data, bytes}, position);
}

int twin_calls::flush(int fd) {
    const auto info = process_.home().blocks().info(*disk_file(fd)->whole_disk);
    if (!info.limits.volatile_cache) return 0;
    return perform(fd, uapi::op::flush, 0, 0, nullptr);
}

int twin_calls::discard(int fd, std::uint64_t from, std::uint64_t bytes) {
    const auto info = process_.home().blocks().info(*disk_file(fd)->whole_disk);
    if (info.limits.max_discard_sectors == 0) return -EOPNOTSUPP;
    // The ioctl keeps it to itself when the disk turns out not to discard.
    const int outcome = perform(fd, uapi::op::discard, from, bytes, nullptr);
    return outcome == -EOPNOTSUPP ? 0 : outcome;
}

int twin_calls::zero(int fd, std::uint64_t from, std::uint64_t bytes) {
    const auto info = process_.home().blocks().info(*disk_file(fd)->whole_disk);
    if (info.limits.max_write_zeroes_sectors != 0) {
        return perform(fd, uapi::op::write_zeroes, from, bytes, nullptr, twin::bio::no_unmap);
    }
    return perform(fd, uapi::op::write, from, bytes, memory(bytes));
}

int twin_calls::ring_open(io_uring& ring, unsigned entries, unsigned setup_flags) {
    const auto opened = process_.ring_open(
        ring, {.entries = entries, .wide_entries = (setup_flags & IORING_SETUP_SQE128) != 0});
    return opened ? 0 : -opened.error().code;
}

void twin_calls::ring_close(io_uring& ring) { process_.ring_close(ring); }

int twin_calls::ring_register(io_uring& ring, unsigned opcode, const void* what, unsigned count) {
    return process_.ring_register(ring, opcode, const_cast<void*>(what), count);
}

int twin_calls::ring_submit(io_uring& ring) { return process_.ring_enter(ring, 0, 0); }

void twin_calls::ring_poll(io_uring& ring) { process_.ring_enter(ring, 0, 0); }

std::byte* twin_calls::memory(std::size_t bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    memory_.emplace_back(at, bytes);
    return static_cast<std::byte*>(at);
}

}  // namespace agree
