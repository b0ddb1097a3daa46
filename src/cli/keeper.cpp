// SPDX-License-Identifier: MIT
#include "cli/keeper.hpp"

#include "base/try.hpp"
#include "base/write_all.hpp"
#include "cli/inventory.hpp"
#include "cli/messages.hpp"
#include "control/control.hpp"
#include "device/nodes.hpp"
#include "device/restarts.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

constexpr int try_again_signal = SIGUSR1;
// A start that takes longer is a hang: it is ended and tried again.
constexpr int start_limit_ms = 90'000;
constexpr std::uint64_t release_limit_ns = 60 * control::second_ns;
constexpr int look_ms = 2'000;  // for the end of a device that nobody serves

using device_room::fate;

class keeper {
public:
    keeper(server_job job, int watched)
        : job_(std::move(job)), worker_(watched), id_(job_.device.value_or(0)) {
        sigset_t set;
        sigemptyset(&set);
        for (int number : {SIGINT, SIGTERM, SIGHUP, try_again_signal}) sigaddset(&set, number);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
        signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (watched != 0) open_worker();
    }
    result<ready_server> start(int limit_ms);
    // Until there is nothing to keep any more. Gives the exit code.
    int run();

private:
    void open_worker();
    void await_worker();
    [[nodiscard]] result<fate> look() const;
    bool pause(std::uint64_t ns);
    bool await_word();
    [[nodiscard]] int take_signal() const;

    server_job job_;
    pid_t worker_ = 0;
    int pidfd_ = -1;
    std::uint32_t id_;
    int signals_ = -1;
    sigset_t before_{};
    bool told_to_end_ = false;
    device_room::restarts restarts_;
};

// A server, in a child of this process. It is served anew or taken over, as the job says.
result<ready_server> keeper::start(int limit_ms) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return failure({.operation = "pipe", .code = errno});
    job_.how.keeper = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        const int code = errno;
        ::close(ends[0]);
        ::close(ends[1]);
        return failure({.operation = "fork", .code = code});
    }
    if (child == 0) {
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        ::prctl(PR_SET_NAME, "ashlar");
        ::close(ends[0]);
        work(job_, ends[1]);
    }
    ::close(ends[1]);
    worker_ = child;
    auto ready = await_ready(ends[0], limit_ms);
    if (ready) {
        id_ = ready->id;
        open_worker();
        return ready;
    }
    error failed = std::move(ready).error();
    if (failed.code == ETIMEDOUT) ::kill(child, SIGKILL);
    const int status = status_of(child);
    worker_ = 0;
    return failure(failed.operation.empty() ? died(status) : failed);
}

void keeper::open_worker() {
    if (pidfd_ >= 0) ::close(pidfd_);
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, worker_, 0));
}

int keeper::take_signal() const {
    signalfd_siginfo info;
    return ::read(signals_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                               : 0;
}

// Until the server has ended. What would end this process is for the server to decide.
void keeper::await_worker() {
    while (pidfd_ >= 0) {
        pollfd watched[] = {{.fd = pidfd_, .events = POLLIN, .revents = 0},
                            {.fd = signals_, .events = POLLIN, .revents = 0}};
        if (::poll(watched, std::size(watched), -1) < 0 && errno != EINTR) break;
        if (watched[0].revents != 0) break;
        const int number = take_signal();
        if (number != 0 && number != try_again_signal) {
            told_to_end_ = true;
            ::kill(worker_, number);
        }
    }
    // One that was taken over is no child, and leaves no zombie.
    int status = 0;
    ::waitpid(worker_, &status, 0);
    const std::string how = WIFSIGNALED(status)
                                ? fmt::format("was killed by signal {}", WTERMSIG(status))
                                : std::string("has ended");
    log(level::info,
        fmt::format("{}: its server (pid {}) {}", device_room::block_path(id_), worker_, how));
}

result<fate> keeper::look() const {
    return device_room::fate_of(os::linux_machine(), id_, worker_, is_alive);
}

// False if a signal says that this is to end.
bool keeper::pause(std::uint64_t ns) {
    pollfd watched{.fd = signals_, .events = POLLIN, .revents = 0};
    if (ns != 0) ::poll(&watched, 1, static_cast<int>(ns / 1'000'000));
    const int number = take_signal();
    return number == 0 || number == try_again_signal;
}

// After the last try: until somebody says that it makes sense again. False if this is to end.
bool keeper::await_word() {
    for (;;) {
        pollfd watched{.fd = signals_, .events = POLLIN, .revents = 0};
        ::poll(&watched, 1, look_ms);
        const int number = take_signal();
        if (number == try_again_signal) return true;
        if (number != 0) return false;
        auto now = look();
        if (now && *now != fate::waits) return false;
    }
}

int keeper::run() {
    os::machine& m = os::linux_machine();
    for (;;) {
        const std::uint64_t since = m.now_ns();
        const pid_t dead = worker_;
        await_worker();
        const std::uint64_t died_at = m.now_ns();
        restarts_.server_ended(died_at - since);
        for (;;) {
            worker_ = dead;
            auto now = look();
            if (now && *now != fate::waits) return 0;
            if (told_to_end_) {
                log(level::warning, "the keeper was told to end; the device waits: ashlar recover");
                return 1;
            }
            auto after = restarts_.next_pause_ns();
            if (!after) {
                log(level::error,
                    fmt::format("gave up after {} servers that died one after the other; the "
                                "device waits. See above why; then: ashlar recover {}",
                                device_room::restarts::failures_max, id_));
                if (!await_word()) return 1;
                restarts_.begin_anew();
                after = restarts_.next_pause_ns();
            }
            if (!pause(*after)) return 1;
            job_.device = id_;
            job_.wanted.id = id_;
            job_.await_release_ns = release_limit_ns;
            job_.handed_over_by = 0;
            auto ready = start(start_limit_ms);
            if (ready) {
                log(level::info, fmt::format("{} is served again by process {}, after {} ms",
                                             device_room::block_path(id_), ready->pid,
                                             (m.now_ns() - died_at) / 1'000'000));
                break;
            }
            log(level::error, ready.error().text());
        }
    }
}

// The last to go when memory is short: little is won by its end, and all is lost.
void ask_to_be_spared() {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    write_all(fd, "-1000\n");
    ::close(fd);
}

// The keeper of a server that goes on is this process now.
void enter_into_record(std::uint32_t id, recipe how) {
    os::machine& m = os::linux_machine();
    auto lock = device_room::lock_run_directory(m);
    auto control = control::control::open(m, false);
    if (!control) return;
    auto info = (*control)->info(id);
    auto record = info ? device_room::read_record(m, id, info->ublksrv_flags) : std::nullopt;
    if (!record) return;
    how.keeper = ::getpid();
    record->recipe = text_of(how);
    if (auto written = device_room::write_record(m, *record); !written) {
        log(level::warning, written.error().text());
    }
}

}  // namespace

void keep(server_job job, int to_parent, int watched) {
    set_log_sink(
        [&](level severity, std::string_view message) { send_log(to_parent, severity, message); });
    leave_the_terminal(descriptors_but({to_parent, job.how.keepsake}));
    ::prctl(PR_SET_NAME, keeper_name);
    std::signal(SIGPIPE, SIG_IGN);
    ask_to_be_spared();
    const bool new_contents = watched == 0 && job.how.keepsake < 0;
    if (job.how.kind->keepsake != nullptr && new_contents) {
        auto made = job.how.kind->keepsake(job.how.values);
        if (!made) {
            send_error(to_parent, made.error());
            ::_exit(1);
        }
        job.how.keepsake = *made;
    }
    const std::uint32_t device = job.device.value_or(0);
    if (watched != 0) enter_into_record(device, job.how);
    keeper k(std::move(job), watched);
    auto ready = watched != 0 ? result<ready_server>(ready_server{.id = device, .pid = watched})
                              : k.start(start_limit_ms);
    if (!ready) {
        send_error(to_parent, ready.error());
        ::_exit(1);
    }
    log_to_file(ready->id);
    send_ready(to_parent, *ready);
    ::close(to_parent);
    ::_exit(k.run());
}

bool tell_to_try_again(const recipe& r) {
    return has_keeper(r) && ::kill(r.keeper, try_again_signal) == 0;
}

}  // namespace ashlar::cli
