// SPDX-License-Identifier: MIT
#include "targets/file/file_lock.hpp"

#include "targets/file/small_files.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

// What qemu's block layer calls permissions, and the bytes that stand for them.
constexpr off_t does = 100, forbids = 200;
constexpr off_t reads = 0, writes_data = 1, resizes = 3;

struct flock range(short type, off_t first) {
    struct flock f = {};
    f.l_type = type;
    f.l_whence = SEEK_SET;
    f.l_start = first;
    f.l_len = 1;
    return f;
}

// 0, or an errno: EAGAIN if somebody has locked it otherwise.
int take_byte(int fd, off_t byte) {
    struct flock f = range(F_RDLCK, byte);
    if (::fcntl(fd, F_OFD_SETLK, &f) == 0) return 0;
    return errno == EACCES ? EAGAIN : errno;
}

bool somebody_has(int fd, off_t byte) {
    struct flock f = range(F_WRLCK, byte);
    return ::fcntl(fd, F_OFD_GETLK, &f) == 0 && f.l_type != F_UNLCK;
}

int try_lock(int fd, bool writes) {
    // First say it, then look at the others: of two that come at once, at least one sees the other.
    for (off_t byte : {does + reads, forbids + writes_data, forbids + resizes}) {
        if (const int code = take_byte(fd, byte); code != 0) return code;
    }
    if (writes) {
        if (const int code = take_byte(fd, does + writes_data); code != 0) return code;
    }
    bool taken = somebody_has(fd, forbids + reads) || somebody_has(fd, does + writes_data) ||
                 somebody_has(fd, does + resizes);
    if (writes) taken = taken || somebody_has(fd, forbids + writes_data);
    return taken ? EAGAIN : 0;
}

void unlock(int fd) {
    struct flock f = range(F_UNLCK, does);
    f.l_len = 2 * forbids;
    ::fcntl(fd, F_OFD_SETLK, &f);
}

void pause() {
    const timespec time{.tv_sec = 0, .tv_nsec = 20'000'000};
    ::nanosleep(&time, nullptr);
}

bool is_same(const struct stat& a, const struct stat& b) {
    if (S_ISBLK(a.st_mode) || S_ISBLK(b.st_mode)) {
        return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev;
    }
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_locked(const std::string& process, const std::string& fd) {
    return contents(process + "/fdinfo/" + fd).find("\nlock:") != std::string::npos;
}

// The descriptors that a process has of the file.
std::vector<std::string> descriptors_of(const std::string& process, const struct stat& file) {
    std::vector<std::string> found;
    for (const std::string& fd : names_in(process + "/fd")) {
        struct stat other = {};
        if (::stat((process + "/fd/" + fd).c_str(), &other) != 0 || !is_same(file, other)) continue;
        found.push_back(fd);
    }
    return found;
}

void add(std::string& list, const std::string& user) { list += (list.empty() ? "" : ", ") + user; }

// Mounts and devices on top, of the disk or of its partitions.
void add_kernel_users(std::string& users, dev_t number) {
    const std::string directory = fmt::format("/sys/dev/block/{}:{}", major(number), minor(number));
    std::vector<std::string> parts = {directory};
    for (const std::string& name : names_in(directory)) {
        if (number_in(directory + "/" + name + "/partition")) {
            parts.push_back(directory + "/" + name);
        }
    }
    const std::vector<std::string> mounts = lines_of("/proc/self/mountinfo");
    for (const std::string& part : parts) {
        for (const std::string& line : mounts) {
            const auto words = words_of(line);
            if (words.size() > 4 && words[2] + "\n" == contents(part + "/dev")) {
                add(users, "mounted at " + words[4]);
            }
        }
        for (const std::string& above : names_in(part + "/holders")) {
            add(users, "used by " + above);
        }
    }
}

}  // namespace

std::string users_of(int fd, bool locks) {
    std::string users;
    struct stat file = {};
    if (::fstat(fd, &file) != 0) return users;
    if (S_ISBLK(file.st_mode)) add_kernel_users(users, file.st_rdev);
    const std::string me = std::to_string(::getpid());
    for (const std::string& pid : names_in("/proc")) {
        if (pid.find_first_not_of("0123456789") != std::string::npos || pid == me) continue;
        const std::string process = "/proc/" + pid;
        const auto open = descriptors_of(process, file);
        const auto locked = [&](const std::string& one) { return is_locked(process, one); };
        if (locks ? std::ranges::none_of(open, locked) : open.empty()) continue;
        const std::string name = contents("/proc/" + pid + "/comm");
        add(users, fmt::format("process {} ({})", pid, name.substr(0, name.find('\n'))));
    }
    return users;
}

int locked_descriptor_of(int process, const struct stat& file) {
    const std::string place = fmt::format("/proc/{}", process);
    for (const std::string& fd : descriptors_of(place, file)) {
        if (!is_locked(place, fd)) continue;
        const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
        if (handle < 0) return -1;
        const long got = ::syscall(SYS_pidfd_getfd, handle, std::atoi(fd.c_str()), 0);
        ::close(handle);
        if (got >= 0) return static_cast<int>(got);
    }
    return -1;
}

result<> lock_file(int fd, const std::string& name, bool writes, unsigned patience_ms) {
    for (unsigned waited = 0;; waited += 20) {
        const int code = try_lock(fd, writes);
        if (code == 0) return {};
        unlock(fd);
        if (code != EAGAIN) {
            log(level::warning,
                fmt::format("{}: its file system has no locks ({}): nothing keeps a second writer "
                            "from it",
                            name, errno_text(code)));
            return {};
        }
        const std::string users = users_of(fd, true);
        if (!users.empty() || waited >= patience_ms) {
            return failure({.operation = "lock",
                            .object = name,
                            .code = EBUSY,
                            .why = users.empty() ? "somebody has it in use, and can't be seen from "
                                                   "here (another machine, or I/O of a killed "
                                                   "process)"
                                                 : "it is in use by " + users,
                            .remedy = writes ? "end that first; or --read-only, where it reads only"
                                             : "end that first: it writes to the file"});
        }
        pause();
    }
}

result<> check_loop_devices(int fd, const std::string& name) {
    struct stat file = {};
    if (::fstat(fd, &file) != 0) return {};
    for (const std::string& disk : names_in("/sys/block")) {
        if (!disk.starts_with("loop")) continue;
        std::string path = contents("/sys/block/" + disk + "/loop/backing_file");
        path.resize(path.empty() ? 0 : path.size() - 1);  // the line's end
        struct stat other = {};
        if (path.empty() || ::stat(path.c_str(), &other) != 0 || !is_same(file, other)) continue;
        return failure({.operation = "lock",
                        .object = name,
                        .code = EBUSY,
                        .why = "it is the backing file of /dev/" + disk,
                        .remedy = "losetup -d /dev/" + disk});
    }
    return {};
}

}  // namespace ashlar::targets
