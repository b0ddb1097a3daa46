// SPDX-License-Identifier: MIT
#include "targets/file/file_shape.hpp"

#include "targets/file/small_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

error refused(const char* operation, const std::string& name) {
    return {.operation = operation, .object = name, .code = errno};
}

// A power of two that a disk may have for its hints, or nothing.
std::uint32_t hint(std::optional<std::uint64_t> bytes) {
    const bool good = bytes && *bytes >= 512 && *bytes <= 1U << 28 && std::has_single_bit(*bytes);
    return good ? static_cast<std::uint32_t>(*bytes) : 0;
}

// The directory of sysfs of the whole disk, of a partition as well; empty where there is none.
std::string disk_directory(dev_t number) {
    const std::string link = fmt::format("/sys/dev/block/{}:{}", major(number), minor(number));
    std::error_code failed;
    std::filesystem::path place = std::filesystem::canonical(link, failed);
    if (failed) return {};
    if (std::filesystem::exists(place / "partition", failed)) place = place.parent_path();
    return place;
}

void ask_sysfs(file_shape& s, dev_t number) {
    const std::string directory = disk_directory(number);
    if (directory.empty()) return;
    s.disk = std::filesystem::path(directory).filename();
    const std::string queue = directory + "/queue/";
    s.geometry.rotational = number_in(queue + "rotational").value_or(0) != 0;
    // A file lies on its disk wherever the file system has put its parts.
    if (!s.block_device) return;
    s.geometry.io_min = hint(number_in(queue + "minimum_io_size"));
    s.geometry.io_opt = hint(number_in(queue + "optimal_io_size"));
    const auto granularity = number_in(queue + "discard_granularity");
    s.can_punch = number_in(queue + "discard_max_bytes").value_or(0) != 0;
    s.geometry.discard_granularity = hint(granularity);
}

result<> ask_block_device(file_shape& s, int fd, const std::string& name) {
    int logical = 0;
    unsigned physical = 0;
    if (::ioctl(fd, BLKSSZGET, &logical) != 0) return failure(refused("BLKSSZGET", name));
    if (::ioctl(fd, BLKPBSZGET, &physical) != 0) return failure(refused("BLKPBSZGET", name));
    s.geometry.logical_block = static_cast<std::uint32_t>(logical);
    s.geometry.physical_block = hint(physical);
    s.direct_align = s.geometry.logical_block;
    return {};
}

void ask_file_system(file_shape& s, int fd, const struct stat& file) {
    struct statfs system = {};
    if (::fstatfs(fd, &system) == 0) {
        s.in_memory = system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC;
    }
    // Smaller writes make the file system read a block first.
    const auto block = static_cast<std::uint64_t>(file.st_blksize);
    s.geometry.physical_block = hint(std::clamp<std::uint64_t>(block, 512, 4096));
    s.geometry.discard_granularity = s.geometry.physical_block;
    // glibc's struct is older than the answer.
    struct statx more = {};
    if (::syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &more) == 0 &&
        (more.stx_mask & STATX_DIOALIGN) != 0) {
        s.direct_memory_align = more.stx_dio_mem_align;
        const bool usual = s.direct_memory_align != 0 && s.direct_memory_align <= 4096;
        s.direct_align = usual ? more.stx_dio_offset_align : 0;
    }
}

bool has_holes(int fd, std::uint64_t bytes) {
    const auto behind = static_cast<off_t>((bytes + (1 << 20)) >> 20 << 20);
    return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, behind, 4096) == 0;
}

}  // namespace

result<std::uint64_t> bytes_of(int fd, const std::string& name) {
    struct stat file = {};
    if (::fstat(fd, &file) != 0) return failure(refused("stat", name));
    if (!S_ISBLK(file.st_mode)) return static_cast<std::uint64_t>(file.st_size);
    std::uint64_t bytes = 0;
    if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return failure(refused("BLKGETSIZE64", name));
    return bytes;
}

result<file_shape> shape_of(int fd, const std::string& name, bool probe_holes) {
    struct stat file = {};
    if (::fstat(fd, &file) != 0) return failure(refused("stat", name));
    file_shape s;
    s.block_device = S_ISBLK(file.st_mode);
    auto bytes = bytes_of(fd, name);
    if (!bytes) return failure(std::move(bytes).error());
    s.bytes = *bytes;
    if (s.block_device) {
        if (auto asked = ask_block_device(s, fd, name); !asked) {
            return failure(std::move(asked).error());
        }
        ask_sysfs(s, file.st_rdev);
    } else {
        ask_file_system(s, fd, file);
        ask_sysfs(s, file.st_dev);
        s.can_punch = probe_holes && has_holes(fd, s.bytes);
    }
    return s;
}

bool direct_read_works(int fd, std::uint64_t at, std::uint32_t block) {
    alignas(4096) std::byte memory[4096];
    return ::pread(fd, memory, std::min<std::size_t>(block, sizeof memory),
                   static_cast<off_t>(at)) >= 0;
}

}  // namespace ashlar::targets
