// SPDX-License-Identifier: MIT
#include "cli/worker.hpp"

#include "base/try.hpp"
#include "cli/broker.hpp"
#include "cli/confine.hpp"
#include "cli/messages.hpp"
#include "control/control.hpp"
#include "device/hand_over.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/server.hpp"

#include <ashlar/log.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace ashlar::cli {

namespace {

// A server that fails all the time must not fill /run.
constexpr long log_bytes_max = 1 << 20;

// Opened once: a message that comes after the device's files were removed brings none of them back.
void write_log(std::FILE* file, level severity, std::string_view message) {
    if (file == nullptr || std::ftell(file) > log_bytes_max) return;
    const std::time_t now = std::time(nullptr);
    fmt::print(file, "{:%F %T} {}: {}\n", fmt::localtime(now), name(severity), message);
    std::fflush(file);
}

// A supervised device is there to be served again; so is one whose contents stay. Requests are made
// again where a dead server's can't come behind them.
recovery recovery_for(const server_job& job, const target& served) {
    if (job.wanted.unprivileged) return recovery::none;
    // The next server would not know what clients share with this one.
    const bool shares = job.wanted.lane == lane::shared_memory;
    if ((job.how.kind->ends_with_server || shares) && !job.how.supervised) return recovery::none;
    return served.table().fence == fence::none ? recovery::wait : recovery::reissue;
}

result<> tell_to_let_go(int server) {
    if (::kill(server, device_room::hand_over_signal) == 0) return {};
    return failure(
        {.operation = "tell the server", .object = std::to_string(server), .code = errno});
}

// What the device has may not be what it was made with: the kernel knows.
result<std::uint64_t> bytes_of_device(std::uint32_t id) {
    ASHLAR_TRY(auto control, control::control::open(os::linux_machine(), false));
    ASHLAR_TRY(const auto params, control->get_params(id));
    return params.basic.dev_sectors * uapi::sector_bytes;
}

result<target> make_target(const server_job& job) {
    option_values values = job.how.values;
    if (job.device) {
        ASHLAR_TRY(const std::uint64_t bytes, bytes_of_device(*job.device));
        values.set("device-size", std::to_string(bytes));
    }
    if (job.how.keepsake >= 0) values.set("keepsake", std::to_string(job.how.keepsake));
    // Who has what only one may have, a lock, until it has handed the device over.
    if (job.handed_over_by != 0) values.set("predecessor", std::to_string(job.handed_over_by));
    const std::string& place = job.how.directory;
    if (!place.empty() && ::chdir(place.c_str()) != 0) {
        return failure({.operation = "change the directory", .object = place, .code = errno});
    }
    return job.how.kind->make(values);
}

}  // namespace

result<server_job> job_of(const device_room::record& record, recipe how) {
    server_job job{.how = std::move(how), .device = record.id};
    job.wanted.kind = record.kind;
    job.wanted.name = record.name;
    job.wanted.threads_per_queue = job.how.threads_per_queue;
    job.wanted.spin_us = job.how.spin_us;
    job.wanted.lock_memory = job.how.lock_memory;
    std::error_code none;
    job.how.program = std::filesystem::read_symlink("/proc/self/exe", none).string();
    if (job.how.keepsake < 0) return job;
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, record.pid, 0));
    const long got = process < 0 ? -1 : ::syscall(SYS_pidfd_getfd, process, job.how.keepsake, 0);
    const int code = errno;
    if (process >= 0) ::close(process);
    job.how.keepsake = static_cast<int>(got);
    if (got >= 0) return job;
    return failure({.operation = "take over what the server keeps",
                    .object = fmt::format("process {}", record.pid),
                    .code = code});
}

std::vector<int> descriptors_but(const std::vector<int>& kept) {
    std::vector<int> open;
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return open;
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        const bool stays = fd <= 2 || fd == ::dirfd(directory) || std::ranges::count(kept, fd) != 0;
        if (!stays) open.push_back(fd);
    }
    ::closedir(directory);
    return open;
}

void leave_the_terminal(const std::vector<int>& inherited) {
    ::setsid();
    // What the caller had open is not for a process that stays.
    for (const int fd : inherited) ::close(fd);
    // The current directory of a server would keep its file system mounted.
    if (::chdir("/") != 0) std::abort();
    int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
    if (null > 2) ::close(null);
}

void log_to_file(std::uint32_t id) {
    std::FILE* file = std::fopen(device_room::log_path(id).c_str(), "ae");
    set_log_sink(
        [file](level severity, std::string_view message) { write_log(file, severity, message); });
}

void work(server_job job, int to_parent) {
    set_log_sink(
        [&](level severity, std::string_view message) { send_log(to_parent, severity, message); });
    std::uint64_t asked_at = 0;
    std::vector<std::string> confined;
    const auto on_ready = [&](const device::implementation& d) {
        log_to_file(d.id());
        ::tzset();  // the log's clock is read from a file
        confined = confine_process({device_room::run_directory()});
        const std::uint64_t pause = asked_at != 0 ? os::linux_machine().now_ns() - asked_at : 0;
        send_ready(to_parent, {.id = d.id(), .pid = ::getpid(), .pause_ns = pause});
        ::close(std::exchange(to_parent, -1));
    };
    const auto serve = [&]() -> result<> {
        const std::vector<int> inherited = descriptors_but({to_parent, job.how.keepsake});
        ASHLAR_CHECK(use_broker(job.device, [] { confine_thread({}); }));
        confine_rings();
        ASHLAR_TRY(target served, make_target(job));
        leave_the_terminal(inherited);
        if (job.choose_recovery) job.wanted.recovery = recovery_for(job, served);
        job.wanted.unfenced = job.how.unfenced;
        job.wanted.recipe = text_of(job.how);
        if (job.handed_over_by != 0) {
            asked_at = os::linux_machine().now_ns();
            ASHLAR_CHECK(device_room::ask_to_let_go(os::linux_machine(), *job.device, [&] {
                return tell_to_let_go(job.handed_over_by);
            }));
        }
        if (job.device && job.await_release_ns != 0) {
            ASHLAR_CHECK(device_room::await_let_go(os::linux_machine(), *job.device,
                                                   job.await_release_ns, job.handed_over_by != 0));
        }
        return device_room::run_server(std::move(served), std::move(job.wanted), on_ready,
                                       job.device, &confined);
    };
    const result<> outcome = serve();
    if (!outcome && to_parent >= 0) send_error(to_parent, outcome.error());
    if (!outcome && to_parent < 0) log(level::error, outcome.error().text());
    ::_exit(outcome ? 0 : 1);
}

result<target> prepare(server_job& job) {
    ASHLAR_TRY(target served, make_target(job));
    if (job.choose_recovery) job.wanted.recovery = recovery_for(job, served);
    job.wanted.unfenced = job.how.unfenced;
    job.wanted.recipe = text_of(job.how);
    return served;
}

}  // namespace ashlar::cli
