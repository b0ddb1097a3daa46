// SPDX-License-Identifier: MIT
// Landlock: which files a thread may still open, and no ports, and no processes for its signals.
// What it has open stays open.
#include "cli/confine.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

// Newer than Debian 12's header.
constexpr std::uint64_t access_truncate = 1U << 14;
constexpr std::uint64_t access_ioctl = 1U << 15;

constexpr std::uint64_t of_files =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | access_truncate | access_ioctl;
constexpr std::uint64_t of_places = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

// All that a kernel with this version of landlock can restrict: one bit after the other was added.
std::uint64_t known_to(long version) {
    if (version >= 5) return access_ioctl * 2 - 1;
    if (version >= 3) return access_truncate * 2 - 1;
    if (version == 2) return LANDLOCK_ACCESS_FS_REFER * 2 - 1;
    return LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;
}

// landlock_ruleset_attr, of which a kernel takes as much as it knows.
struct attributes {
    std::uint64_t files = 0;
    std::uint64_t network = 0b11;  // version 4: TCP ports, to be bound and connected to
    std::uint64_t scopes = 0b11;   // version 6: to sockets without a file, and to send signals

    [[nodiscard]] static std::size_t bytes_of(long version) {
        if (version >= 6) return sizeof(attributes);
        return version >= 4 ? offsetof(attributes, scopes) : offsetof(attributes, network);
    }
};

class ruleset {
public:
    explicit ruleset(long version) : handled_(known_to(version)) {
        const attributes wanted{.files = handled_};
        fd_ = static_cast<int>(
            ::syscall(SYS_landlock_create_ruleset, &wanted, attributes::bytes_of(version), 0));
    }
    ruleset(const ruleset&) = delete;
    ruleset& operator=(const ruleset&) = delete;
    ~ruleset() {
        if (fd_ >= 0) ::close(fd_);
    }
    // What is in no directory (a pipe, memory) needs no rule.
    void allow(int fd, std::uint64_t access) const {
        struct stat found{};
        if (::fstat(fd, &found) != 0) return;
        if (!S_ISDIR(found.st_mode)) access &= of_files;
        landlock_path_beneath_attr rule{};
        rule.allowed_access = access & handled_;
        rule.parent_fd = fd;
        ::syscall(SYS_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    void allow(const std::string& path, std::uint64_t access) const {
        const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
        if (fd < 0) return;
        allow(fd, access);
        ::close(fd);
    }
    [[nodiscard]] bool enforce() const {
        return fd_ >= 0 && ::syscall(SYS_landlock_restrict_self, fd_, 0) == 0;
    }

private:
    std::uint64_t handled_;
    int fd_ = -1;
};

void allow_open_files(const ruleset& rules) {
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return;
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        struct stat found{};
        if (fd == ::dirfd(directory) || entry->d_name[0] == '.') continue;
        if (::fstat(fd, &found) == 0 && !S_ISDIR(found.st_mode)) rules.allow(fd, of_files);
    }
    ::closedir(directory);
}

}  // namespace

std::string confine_files(const std::vector<std::string>& places) {
    const long version =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return {};
    const ruleset rules(version);
    allow_open_files(rules);
    for (const std::string& place : places) rules.allow(place, of_places);
    // What the kernel tells of its devices, of this process and of memory.
    for (const char* told : {"/sys", "/proc/self", "/proc/meminfo"}) rules.allow(told, of_places);
    return rules.enforce() ? "no files but its own" : std::string();
}

}  // namespace ashlar::cli
