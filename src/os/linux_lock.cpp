// SPDX-License-Identifier: MIT
#include "os/linux_lock.hpp"

#include "base/try.hpp"
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

constexpr std::uint64_t tick_ns = 2'000'000;
// What is done under a lock takes moments, a second or two on a machine that is very busy.
constexpr std::uint64_t usual_limit_ns = 30'000'000'000;

class linux_path_lock final : public path_lock {
public:
    explicit linux_path_lock(int fd) : fd_(fd) {}
    linux_path_lock(const linux_path_lock&) = delete;
    linux_path_lock& operator=(const linux_path_lock&) = delete;
    ~linux_path_lock() override { ::close(fd_); }

private:
    int fd_;
};

error is_held(const std::string& path, int owner) {
    error e{.operation = "lock", .object = path, .code = ETIMEDOUT};
    e.why = owner == 0 ? "another program has held it all the time"
                       : fmt::format("process {} has held it all the time", owner);
    e.remedy = owner == 0 ? "see who it is: lslocks; it may be stopped, or stuck"
                          : fmt::format("see whether it is stuck (ashlar why {0}) or stopped (kill "
                                        "-CONT {0}), or end it",
                                        owner);
    return e;
}

}  // namespace

int owner_of_lock(int fd) {
    struct stat file{};
    if (::fstat(fd, &file) != 0) return 0;
    const std::string inode = fmt::format(":{}", file.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        // "4: FLOCK ADVISORY WRITE 4711 00:19:3 0 EOF", with "->" before FLOCK for who waits.
        std::istringstream words(line);
        std::string number, kind, way, what, place;
        int pid = 0;
        if (!(words >> number >> kind >> way >> what >> pid >> place) || kind != "FLOCK") continue;
        if (place.ends_with(inode)) return pid;
    }
    return 0;
}

result<std::unique_ptr<path_lock>> lock_within(int fd, const std::string& path,
                                               std::uint64_t limit_ns, file_broker* helper) {
    auto lock = std::make_unique<linux_path_lock>(fd);
    machine& m = linux_machine();
    const std::uint64_t since = m.now_ns();
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) {
            return failure({.operation = "lock", .object = path, .code = errno});
        }
        if (m.now_ns() - since >= limit_ns) {
            const int owner = owner_of_lock(fd);
            const bool asks = owner == 0 && helper != nullptr;
            return failure(is_held(path, asks ? helper->lock_owner(path) : owner));
        }
        m.sleep_ns(tick_ns);
    }
    return lock;
}

result<std::unique_ptr<path_lock>> linux::lock_path(const std::string& path) {
    ASHLAR_TRY(const int fd, open(path, lock_file_flags));
    return lock_within(fd, path, usual_limit_ns, helper_.get());
}

}  // namespace ashlar::os
