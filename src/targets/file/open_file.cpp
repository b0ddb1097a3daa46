// SPDX-License-Identifier: MIT
#include "targets/file/open_file.hpp"

#include "targets/file/file_lock.hpp"
#include "targets/file/file_shape.hpp"
#include "targets/file/memory_file.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

constexpr std::uint32_t block_min = 512;
constexpr std::uint64_t reach = std::numeric_limits<off_t>::max();

// The descriptors of one file, closed together.
struct descriptors {
    std::vector<int> open;
    ~descriptors() {
        for (const int fd : open) ::close(fd);
    }
};

error wrong(const file_request& wanted, std::string why, std::string remedy) {
    return {.operation = "file",
            .object = wanted.path,
            .why = std::move(why),
            .remedy = std::move(remedy),
            .usage = true};
}

error refused(const char* operation, const file_request& wanted, int code) {
    error e{.operation = operation, .object = wanted.path, .code = code};
    const std::string make =
        fmt::format("ashlar add file {} --create --size 10G makes one", wanted.path);
    switch (code) {
        case ENOENT: e.remedy = "check the name; " + make; break;
        case EROFS: e.remedy = "use --read-only"; break;
        case EACCES:
        case EPERM:
            e.remedy = wanted.read_only
                           ? "make the file readable for this user"
                           : "make the file writable for this user, or use --read-only";
            break;
        case ETXTBSY: e.why = "it is in use as a program or as swap"; break;
        default: break;
    }
    return e;
}

result<> make_file(const file_request& wanted, descriptors& d) {
    if (!wanted.size) {
        return failure(wrong(wanted, "a file is made of a size", "--create --size 10G"));
    }
    const int fd = ::open(wanted.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return failure(refused("create", wanted, errno));
    d.open.push_back(fd);
    const std::uint64_t bytes = wanted.offset + *wanted.size;
    int code = ::ftruncate(fd, static_cast<off_t>(bytes)) == 0 && ::fsync(fd) == 0 ? 0 : errno;
    const auto slash = wanted.path.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : wanted.path.substr(0, slash + 1);
    // Else a power cut may leave a disk whose flushed data has no name.
    const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (code == 0 && (directory < 0 || ::fsync(directory) != 0)) code = errno;
    if (directory >= 0) ::close(directory);
    if (code == 0) return {};
    ::unlink(wanted.path.c_str());
    return failure(refused("create", wanted, code));
}

result<> check_kind(const file_request& wanted, const struct stat& file) {
    if (S_ISREG(file.st_mode) || S_ISBLK(file.st_mode)) return {};
    const char* kind = S_ISDIR(file.st_mode)    ? "a directory"
                       : S_ISCHR(file.st_mode)  ? "a character device"
                       : S_ISFIFO(file.st_mode) ? "a pipe"
                                                : "a socket";
    return failure(wrong(wanted,
                         fmt::format("it is {}; a disk is a regular file or a block device", kind),
                         "name the image itself"));
}

// A block device in use by the kernel or by somebody like us can't be opened with O_EXCL.
int open_device(const file_request& wanted, std::string& users) {
    const int mode = wanted.read_only ? O_RDONLY : O_RDWR;
    const int exclusive = wanted.locking && !wanted.read_only ? O_EXCL : 0;
    for (unsigned waited = 0;; waited += 20) {
        const int fd = ::open(wanted.path.c_str(), mode | exclusive | O_CLOEXEC);
        if (fd >= 0 || errno != EBUSY) return fd;
        const int looked = ::open(wanted.path.c_str(), O_RDONLY | O_CLOEXEC);
        users = looked < 0 ? std::string() : users_of(looked, false);
        if (looked >= 0) ::close(looked);
        errno = EBUSY;
        if (!users.empty() || waited >= wanted.patience_ms) return -1;
        const timespec time{.tv_sec = 0, .tv_nsec = 20'000'000};
        ::nanosleep(&time, nullptr);
    }
}

result<> open_path(const file_request& wanted, descriptors& d) {
    struct stat file = {};
    if (::stat(wanted.path.c_str(), &file) != 0) {
        if (errno == ENOENT && wanted.create) return make_file(wanted, d);
        return failure(refused("open", wanted, errno));
    }
    if (auto checked = check_kind(wanted, file); !checked) return checked;
    if (wanted.predecessor != 0) {
        const int inherited = locked_descriptor_of(wanted.predecessor, file);
        if (inherited >= 0) {
            d.open.push_back(inherited);
            return {};
        }
    }
    std::string users;
    const int fd =
        S_ISBLK(file.st_mode)
            ? open_device(wanted, users)
            : ::open(wanted.path.c_str(), (wanted.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0) {
        error e = refused("open", wanted, errno);
        if (e.code == EBUSY) {
            e.why = users.empty() ? "the kernel has it in use" : "it is " + users;
            e.remedy = "end that first; or --read-only; or --locking off, if you know better";
        }
        return failure(std::move(e));
    }
    d.open.push_back(fd);
    return {};
}

// Where a disk of so many bytes needs more of the file than there is.
result<> make_room(const file_request& wanted, int fd, bool block_device, std::uint64_t bytes) {
    auto now = bytes_of(fd, wanted.path);
    if (!now) return failure(std::move(now).error());
    if (bytes > reach - wanted.offset) {
        return failure(wrong(wanted, "no file can be so long", "use a smaller size"));
    }
    const std::uint64_t needed = wanted.offset + bytes;
    if (needed <= *now) return {};
    if (block_device || wanted.read_only) {
        return failure(
            wrong(wanted,
                  fmt::format("it has {} and can't be made longer: it is {}", format_size(*now),
                              block_device ? "a device" : "read only"),
                  block_device ? "make the device beneath larger first"
                               : fmt::format("truncate -s {} {}", needed, wanted.path)));
    }
    if (::ftruncate(fd, static_cast<off_t>(needed)) == 0) return {};
    return failure(refused("make longer", wanted, errno));
}

result<> lock(const file_request& wanted, const file_shape& shape, int fd) {
    if (wanted.id && shape.disk == fmt::format("ublkb{}", *wanted.id)) {
        return failure(wrong(wanted, "it lies on the very device that it is to serve",
                             "name a file elsewhere"));
    }
    if (!wanted.locking) return {};
    if (auto locked = lock_file(fd, wanted.path, !wanted.read_only, wanted.patience_ms); !locked) {
        return locked;
    }
    return shape.block_device ? result<>{} : check_loop_devices(fd, wanted.path);
}

// Bytes of the disk, out of those of the file.
result<std::uint64_t> window(const file_request& wanted, std::uint64_t file, std::uint32_t block) {
    if (file == 0) {
        return failure(
            wrong(wanted, "it is empty", fmt::format("truncate -s 10G {}", wanted.path)));
    }
    if (wanted.offset % block != 0) {
        return failure(
            wrong(wanted,
                  fmt::format("the offset, {} bytes, is not a multiple of the block, {} bytes",
                              wanted.offset, block),
                  fmt::format("--offset {}", wanted.offset / block * block)));
    }
    const std::uint64_t behind = file - std::min(wanted.offset, file);
    const std::uint64_t bytes = wanted.device_size.value_or(wanted.size.value_or(behind));
    if (bytes == 0 || bytes > behind) {
        return failure(
            wrong(wanted,
                  fmt::format("it has {}, and the disk is to have {} from {} on", format_size(file),
                              wanted.size ? format_size(*wanted.size) : "what is", wanted.offset),
                  wanted.size && *wanted.size != 0
                      ? fmt::format("truncate -s {} {}; or a smaller --offset or --size",
                                    wanted.offset + *wanted.size, wanted.path)
                      : "a smaller --offset"));
    }
    if (bytes % block != 0) {
        return failure(
            wrong(wanted,
                  fmt::format("its size, {} bytes, is not a multiple of the block, {} bytes", bytes,
                              block),
                  fmt::format("--size {} leaves the end out; truncate -s %{} {} makes it longer",
                              bytes / block * block, block, wanted.path)));
    }
    return bytes;
}

// Turns direct I/O on where it is wanted and can serve these blocks; the block may grow to what it
// needs if the user has named none.
result<bool> go_direct(const file_request& wanted, const file_shape& shape, int fd,
                       std::uint32_t& block) {
    if (wanted.direct == direct_io::off) return false;
    const bool must = wanted.direct == direct_io::on;
    if (!must && shape.in_memory) return false;
    const std::uint32_t align = shape.direct_align.value_or(block);
    if (must && wanted.block_size == 0 && align > block && align <= 4096) block = align;
    bool possible = align != 0 && align <= block && wanted.offset % align == 0;
    const int flags = ::fcntl(fd, F_GETFL);
    // On this description, not another: the lock lasts as long as I/O on it.
    possible = possible && ::fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
    if (possible && !shape.direct_align) {
        possible = direct_read_works(fd, wanted.offset, block) &&
                   direct_read_works(fd, wanted.offset + block, block);
    }
    if (possible) return true;
    ::fcntl(fd, F_SETFL, flags);
    if (!must) return false;
    return failure(wrong(
        wanted,
        align == 0 || align <= block
            ? "its file system has no direct I/O"
            : fmt::format("direct I/O there needs blocks and an offset of {} bytes", align),
        align > block && align <= 4096 ? fmt::format("--block-size {}; or --direct off", align)
                                       : "--direct off"));
}

}  // namespace

result<opened_file> open_file(const file_request& wanted) {
    if (wanted.offset > reach || wanted.size.value_or(0) > reach - wanted.offset) {
        return failure(wrong(wanted, "offset and size reach further than any file can",
                             "use a smaller offset or size"));
    }
    auto held = std::make_shared<descriptors>();
    if (auto opened = open_path(wanted, *held); !opened) return failure(std::move(opened).error());
    const int fd = held->open[0];
    auto shape = shape_of(fd, wanted.path, !wanted.read_only);
    if (!shape) return failure(std::move(shape).error());
    if (auto locked = lock(wanted, *shape, fd); !locked) return failure(std::move(locked).error());

    std::uint32_t block = std::max(shape->geometry.logical_block, block_min);
    if (wanted.block_size != 0) block = wanted.block_size;
    auto direct = go_direct(wanted, *shape, fd, block);
    if (!direct) return failure(std::move(direct).error());
    auto bytes = window(wanted, shape->bytes, block);
    if (!bytes) return failure(std::move(bytes).error());

    opened_file f;
    f.direct = *direct;
    f.in_memory = shape->in_memory && !f.direct;
    f.can_discard = shape->can_punch && wanted.discard && !wanted.read_only;
    f.spec.name = wanted.path;
    f.spec.fd = fd;
    f.spec.offset = wanted.offset;
    f.spec.bytes = *bytes;
    f.spec.geometry = shape->geometry;
    f.spec.geometry.logical_block = block;
    for (std::uint32_t* hint : {&f.spec.geometry.io_min, &f.spec.geometry.io_opt}) {
        if (*hint < block) *hint = 0;
    }
    f.spec.block_device = shape->block_device;
    f.spec.any_memory = !f.direct || shape->direct_memory_align <= 512;
    f.spec.gives_back = wanted.discard;
    f.spec.queues = wanted.queues;
    f.spec.open_again = [held, fd, flags = wanted.read_only ? O_RDONLY : O_RDWR] {
        const int again = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), flags | O_CLOEXEC);
        if (again < 0) return -errno;
        held->open.push_back(again);
        return again;
    };
    f.spec.make_room = [held, fd, wanted, device = shape->block_device](std::uint64_t size) {
        return make_room(wanted, fd, device, size);
    };
    f.spec.bytes_now = [held, fd, path = wanted.path, offset = wanted.offset, fixed = wanted.size,
                        block]() -> result<std::uint64_t> {
        if (fixed) return *fixed;
        auto now = bytes_of(fd, path);
        if (!now) return now;
        return (*now - std::min(*now, offset)) / block * block;
    };
    return f;
}

result<target> disk_of(opened_file file) {
    const auto made = [](auto disk) -> result<target> {
        if (!disk) return failure(std::move(disk).error());
        return target(std::move(*disk));
    };
    file_spec& spec = file.spec;
    if (file.in_memory && file.can_discard) {
        return made(memory_file_disk<sparse_file_disk>::make(std::move(spec)));
    }
    if (file.in_memory) return made(memory_file_disk<file_disk>::make(std::move(spec)));
    if (file.can_discard) return made(sparse_file_disk::make(std::move(spec)));
    return made(file_disk::make(std::move(spec)));
}

}  // namespace ashlar::targets
