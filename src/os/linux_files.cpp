// SPDX-License-Identifier: MIT
// Files, directories and nodes.
#include "base/write_all.hpp"
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

std::unexpected<error> failed(std::string operation, const std::string& path, int code) {
    return failure({.operation = std::move(operation), .object = path, .code = code});
}

// 0, or the errno; then nothing of the file is left.
int write_new(const std::string& path, std::string_view text) {
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return errno;
    int code = write_all(fd, text);
    if (::close(fd) != 0 && code == 0) code = errno;
    if (code != 0) ::unlink(path.c_str());
    return code;
}

// Whoever is refused may have a broker for it.
bool is_forbidden(int code) { return code == EACCES || code == EPERM; }

result<> replace_own_file(const std::string& path, std::string_view text) {
    const std::string draft = fmt::format("{}.{}.new", path, ::getpid());
    if (int code = write_new(draft, text)) return failed("write", draft, code);
    if (::rename(draft.c_str(), path.c_str()) == 0) return {};
    const int code = errno;
    ::unlink(draft.c_str());
    return failed("write", path, code);
}

result<int> open_own(const std::string& path, int flags) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return failed("open", path, errno);
    return fd;
}

}  // namespace

// By itself if it may: newer kernels want who has opened ublkcN as its server (START-5).
result<int> linux::open(const std::string& path, int flags) {
    auto opened = open_own(path, flags);
    if (opened || !helper_ || !is_forbidden(opened.error().code)) return opened;
    auto helped = helper_->open(path, flags);
    return !helped && is_forbidden(helped.error().code) ? opened : helped;
}

result<int> linux::open_shared(const std::string& path) {
    return helper_ ? helper_->open(path, O_RDWR) : open_own(path, O_RDWR);
}

void linux::close(int fd) { ::close(fd); }

std::optional<node> linux::look_up(const std::string& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    node n{.what = node::kind::other, .major = major(found.st_rdev), .minor = minor(found.st_rdev)};
    if (S_ISBLK(found.st_mode)) n.what = node::kind::block;
    if (S_ISCHR(found.st_mode)) n.what = node::kind::character;
    return n;
}

std::optional<std::string> linux::read_text(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(fd, buffer, sizeof buffer)) > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    if (got < 0) return std::nullopt;
    return text;
}

std::vector<std::string> linux::list_directory(const std::string& path) {
    std::vector<std::string> names;
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return names;
    while (const dirent* entry = ::readdir(directory)) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(std::move(name));
    }
    ::closedir(directory);
    std::ranges::sort(names);
    return names;
}

result<> linux::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
    return failed("make the directory", path, errno);
}

result<> linux::replace_file(const std::string& path, std::string_view text) {
    auto replaced = replace_own_file(path, text);
    const bool helped = !replaced && helper_ && is_forbidden(replaced.error().code);
    return helped ? helper_->replace_file(path, text) : replaced;
}

void linux::remove_file(const std::string& path) {
    const bool removed = ::unlink(path.c_str()) == 0;
    if (!removed && helper_ && is_forbidden(errno)) helper_->remove_file(path);
}

bool linux::udev_has_handled(const node& block, std::uint64_t since_ns) {
    // The control socket is there while udevd runs; the database entry once it has run the rules.
    // Its line I: has the microsecond of CLOCK_MONOTONIC at which udev first saw the device.
    struct stat found{};
    if (::stat("/run/udev/control", &found) != 0) return true;
    auto entry = read_text(fmt::format("/run/udev/data/b{}:{}", block.major, block.minor));
    if (!entry) return false;
    constexpr std::string_view label = "\nI:";
    const std::string lines = "\n" + *entry;
    const std::size_t at = lines.find(label);
    if (at == std::string::npos) return true;
    return std::strtoull(lines.c_str() + at + label.size(), nullptr, 10) >= since_ns / 1000;
}

}  // namespace ashlar::os
