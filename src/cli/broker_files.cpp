// SPDX-License-Identifier: MIT
#include "cli/broker_files.hpp"

#include "device/share.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ashlar::cli {

namespace {

// What the kernel calls an open file, or nothing.
std::string name_of_file(const std::string& descriptor) {
    char name[256];
    const ssize_t got = ::readlink(descriptor.c_str(), name, sizeof name);
    return got > 0 && got < ssize_t{sizeof name} ? std::string(name, static_cast<std::size_t>(got))
                                                 : std::string();
}

}  // namespace

bool names_descriptor(const std::string& path) {
    unsigned pid = 0;
    unsigned fd = 0;
    int length = 0;
    const int read = std::sscanf(path.c_str(), "/proc/%9u/fd/%9u%n", &pid, &fd, &length);
    return read == 2 && static_cast<std::size_t>(length) == path.size();
}

// First only to be looked at: to open a device might already do something, and the client may put
// another file there meanwhile.
int open_memory(const std::string& path, const std::function<bool(std::string_view)>& allowed) {
    const int found = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (found < 0) return -errno;
    const std::string descriptor = fmt::format("/proc/self/fd/{}", found);
    int fd = -EPERM;
    if (allowed(name_of_file(descriptor))) {
        fd = ::open(descriptor.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0) fd = -errno;
    }
    ::close(found);
    if (fd < 0 || device_room::is_memory_that_stays(fd)) return fd;
    ::close(fd);
    return -EPERM;
}

void mapped_memory::map(int fd) {
    drop();
    struct stat found{};
    if (::fstat(fd, &found) != 0 || found.st_size <= 0) return;
    const auto size = static_cast<std::size_t>(found.st_size);
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED) bytes_ = {static_cast<std::byte*>(memory), size};
}

void mapped_memory::drop() {
    const auto gone = std::exchange(bytes_, {});
    if (!gone.empty()) ::munmap(gone.data(), gone.size());
}

}  // namespace ashlar::cli
