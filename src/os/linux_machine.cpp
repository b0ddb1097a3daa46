// SPDX-License-Identifier: MIT
// Threads, clocks, and what kind of machine this is.
#include "os/linux_machine.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <thread>
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

class linux_monitor final : public monitor {
public:
    void lock() override { mutex_.lock(); }
    void unlock() override { mutex_.unlock(); }
    bool wait(std::uint64_t timeout_ns) override {
        std::unique_lock held(mutex_, std::adopt_lock);
        bool in_time = true;
        if (timeout_ns == no_timeout) {
            changed_.wait(held);
        } else {
            const std::chrono::nanoseconds limit(timeout_ns);
            in_time = changed_.wait_for(held, limit) == std::cv_status::no_timeout;
        }
        held.release();
        return in_time;
    }
    void notify_all() override { changed_.notify_all(); }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
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

linux& this_linux() {
    static linux the_machine;
    return the_machine;
}

machine& linux_machine() { return this_linux(); }

result<int> linux::wakeup_open() {
    int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd < 0) return failure({.operation = "eventfd", .object = {}, .code = errno});
    return fd;
}

void linux::wakeup_signal(int fd, std::uint64_t amount) {
    // It can't fail but for a full counter, and then it is readable already.
    [[maybe_unused]] ssize_t written = ::write(fd, &amount, sizeof amount);
}

std::uint64_t linux::now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

std::int64_t linux::wall_clock_seconds() { return ::time(nullptr); }

void linux::sleep_ns(std::uint64_t time) {
    timespec left{.tv_sec = static_cast<time_t>(time / 1'000'000'000),
                  .tv_nsec = static_cast<long>(time % 1'000'000'000)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {}
}

std::uint64_t linux::unguessable() {
    std::uint64_t number = 0;
    // A kernel that has ublk has getrandom, and its pool is filled by then.
    while (::getrandom(&number, sizeof number, 0) != sizeof number) {}
    return number;
}

std::unique_ptr<monitor> linux::make_monitor() { return std::make_unique<linux_monitor>(); }

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
