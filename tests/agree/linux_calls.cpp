// SPDX-License-Identifier: MIT
#include "linux_calls.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace agree {

namespace {

template <class T>
T or_errno(T outcome) {
    return outcome < 0 ? static_cast<T>(-errno) : outcome;
}

}  // namespace

int linux_calls::open(const std::string& path, int flags) {
    return or_errno(::open(path.c_str(), flags | O_CLOEXEC, 0600));
}

int linux_calls::close(int fd) { return or_errno(::close(fd)); }

long linux_calls::map(int fd, std::size_t bytes, std::uint64_t position, int protection,
                      bool shared) {
    void* at = ::mmap(nullptr, bytes, protection, shared ? MAP_SHARED : MAP_PRIVATE, fd,
                      static_cast<off_t>(position));
    return at == MAP_FAILED ? -errno : static_cast<long>(reinterpret_cast<std::uintptr_t>(at));
}

int linux_calls::unmap(std::byte* at, std::size_t bytes) { return or_errno(::munmap(at, bytes)); }

int linux_calls::protect(std::byte* at, std::size_t bytes, int protection) {
    return or_errno(::mprotect(at, bytes, protection));
}

long linux_calls::pread(int fd, void* to, std::size_t bytes, std::uint64_t position) {
    return or_errno(::pread(fd, to, bytes, static_cast<off_t>(position)));
}

long linux_calls::pwrite(int fd, const void* from, std::size_t bytes, std::uint64_t position) {
    return or_errno(::pwrite(fd, from, bytes, static_cast<off_t>(position)));
}

int linux_calls::flush(int fd) { return or_errno(::fsync(fd)); }

int linux_calls::discard(int fd, std::uint64_t from, std::uint64_t bytes) {
    std::uint64_t range[] = {from, bytes};
    return or_errno(::ioctl(fd, BLKDISCARD, range));
}

int linux_calls::zero(int fd, std::uint64_t from, std::uint64_t bytes) {
    std::uint64_t range[] = {from, bytes};
    return or_errno(::ioctl(fd, BLKZEROOUT, range));
}

int linux_calls::ring_open(io_uring& ring, unsigned entries, unsigned setup_flags) {
    return io_uring_queue_init(entries, &ring, setup_flags);
}

void linux_calls::ring_close(io_uring& ring) { io_uring_queue_exit(&ring); }

int linux_calls::ring_register(io_uring& ring, unsigned opcode, const void* what, unsigned count) {
    return io_uring_register(static_cast<unsigned>(ring.ring_fd), opcode, what, count);
}

int linux_calls::ring_submit(io_uring& ring) { return io_uring_submit(&ring); }

void linux_calls::ring_poll(io_uring& ring) {
    // The others' completions come by themselves.
    if ((ring.flags & IORING_SETUP_IOPOLL) != 0) io_uring_get_events(&ring);
}

std::byte* linux_calls::memory(std::size_t bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

}  // namespace agree
