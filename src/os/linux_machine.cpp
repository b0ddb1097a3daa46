// SPDX-License-Identifier: MIT
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

class linux_thread final : public thread {
public:
    explicit linux_thread(std::thread t) : thread_(std::move(t)) {}
    ~linux_thread() override { thread_.join(); }

private:
    std::thread thread_;
};

void pin(std::span<const unsigned> cpus) {
    if (cpus.empty()) return;
    cpu_set_t* set = CPU_ALLOC(cpus.back() + 1);
    if (set == nullptr) return;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus.back() + 1);
    CPU_ZERO_S(bytes, set);
    for (unsigned cpu : cpus) CPU_SET_S(cpu, bytes, set);
    // Where this is refused (a cpuset without these CPUs) the thread runs where it may.
    sched_setaffinity(0, bytes, set);
    CPU_FREE(set);
}

}  // namespace

machine& linux_machine() {
    static linux the_machine;
    return the_machine;
}

result<int> linux::open(const std::string& path, int flags) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), flags | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return failure({.operation = "open", .object = path, .code = errno});
    return fd;
}

void linux::close(int fd) { ::close(fd); }

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

result<int> linux::wakeup_open() {
    int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd < 0) return failure({.operation = "eventfd", .object = {}, .code = errno});
    return fd;
}

void linux::wakeup_signal(int fd) {
    std::uint64_t one = 1;
    // It can't fail but for a full counter, and then it is readable already.
    [[maybe_unused]] ssize_t written = ::write(fd, &one, sizeof one);
}

std::uint64_t linux::now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

void linux::sleep_ns(std::uint64_t time) {
    timespec left{.tv_sec = static_cast<time_t>(time / 1'000'000'000),
                  .tv_nsec = static_cast<long>(time % 1'000'000'000)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {}
}

result<std::unique_ptr<thread>> linux::start_thread(const std::string& name,
                                                    std::span<const unsigned> cpus,
                                                    std::function<void()> body) {
    try {
        std::vector<unsigned> wanted(cpus.begin(), cpus.end());
        std::ranges::sort(wanted);
        return std::make_unique<linux_thread>(
            std::thread([name, wanted = std::move(wanted), body = std::move(body)] {
                pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
                pin(wanted);
                body();
            }));
    } catch (const std::system_error& failed) {
        return failure({.operation = "start a thread",
                        .object = name,
                        .code = failed.code().value(),
                        .why = "the limit of processes or memory is reached",
                        .remedy = "raise ulimit -u (TasksMax= of the unit), or use fewer queues"});
    }
}

void linux::mark_io_thread() {
    // Needs CAP_SYS_RESOURCE. Without it the device works, but memory reclaim may wait for itself.
    ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
}

kernel_version linux::version() {
    utsname name{};
    uname(&name);
    kernel_version v;
    v.text = name.release;
    std::sscanf(name.release, "%u.%u", &v.major, &v.minor);
    return v;
}

unsigned linux::cpu_ids() {
    // "0-3" or "0,2-5": the last number is the highest possible id.
    auto possible = read_text("/sys/devices/system/cpu/possible").value_or("0");
    auto last = possible.find_last_of("-,");
    unsigned highest = 0;
    std::sscanf(possible.c_str() + (last == std::string::npos ? 0 : last + 1), "%u", &highest);
    return highest + 1;
}

std::size_t linux::page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

int linux::process_id() { return ::getpid(); }

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

bool linux::load_module(const std::string& module_name) {
    const char* arguments[] = {"modprobe", "--quiet", module_name.c_str(), nullptr};
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char* environment[] = {path, nullptr};
    for (const char* program : {"/sbin/modprobe", "/usr/sbin/modprobe"}) {
        pid_t child = 0;
        if (posix_spawn(&child, program, nullptr, nullptr, const_cast<char**>(arguments),
                        environment) != 0) {
            continue;
        }
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return false;
}

}  // namespace ashlar::os
