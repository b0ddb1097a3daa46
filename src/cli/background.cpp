// SPDX-License-Identifier: MIT
#include "cli/background.hpp"

#include "base/try.hpp"
#include "base/write_all.hpp"
#include "device/record.hpp"
#include "device/server.hpp"

#include <ashlar/log.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ashlar::cli {

namespace {

// A server that fails all the time must not fill /run.
constexpr long log_bytes_max = 1 << 20;

volatile sig_atomic_t child_to_end = 0;
volatile sig_atomic_t ended_by = 0;

void end_child(int number) {
    // The server undoes its start and says why it ends.
    ended_by = number;
    if (child_to_end > 0) ::kill(child_to_end, SIGTERM);
}

void on_ending_signals(void (*handler)(int)) {
    for (int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, handler);
}

// Waits for the end of the child; gives its wait status.
int status_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

// Messages to the parent: one line of JSON each. A parent that is gone misses them.
void send(int fd, const nlohmann::json& message) {
    write_all(fd, message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Opened once: a message that comes after the device's files were removed brings none of them back.
void log_to(std::FILE* file, level severity, std::string_view message) {
    if (file == nullptr || std::ftell(file) > log_bytes_max) return;
    const std::time_t now = std::time(nullptr);
    fmt::print(file, "{:%F %T} {}: {}\n", fmt::localtime(now), name(severity), message);
    std::fflush(file);
}

// The descriptors of this process behind standard error, but for one.
std::vector<int> descriptors_but(int kept) {
    std::vector<int> open;
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return open;
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (fd > 2 && fd != kept && fd != ::dirfd(directory)) open.push_back(fd);
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

// The child: never returns to the caller's code.
[[noreturn]] void serve_as_child(int to_parent, const std::function<result<target>()>& make,
                                 options wanted) {
    set_log_sink([&](level severity, std::string_view message) {
        send(to_parent, {{"log", std::string(message)}, {"level", static_cast<int>(severity)}});
    });
    const auto on_ready = [&](const device::implementation& d) {
        std::FILE* file = std::fopen(device_room::log_path(d.id()).c_str(), "we");
        set_log_sink(
            [file](level severity, std::string_view message) { log_to(file, severity, message); });
        send(to_parent, {{"ready", d.id()}});
        ::close(std::exchange(to_parent, -1));
    };
    const auto serve = [&]() -> result<> {
        const std::vector<int> inherited = descriptors_but(to_parent);
        ASHLAR_TRY(target served, make());
        leave_the_terminal(inherited);
        return device_room::run_server(std::move(served), std::move(wanted), on_ready);
    };
    const result<> outcome = serve();
    if (!outcome) {
        const error& e = outcome.error();
        if (to_parent >= 0) {
            send(to_parent, {{"operation", e.operation},
                             {"object", e.object},
                             {"code", e.code},
                             {"why", e.why},
                             {"remedy", e.remedy},
                             {"rule", e.rule},
                             {"usage", e.usage}});
        } else {
            log(level::error, e.text());
        }
    }
    ::_exit(outcome ? 0 : 1);
}

error died(pid_t child) {
    const int status = status_of(child);
    error e{.operation = "start a server", .why = "it ended without a word"};
    if (WIFSIGNALED(status)) {
        e.why = fmt::format("it was killed by signal {} ({})", WTERMSIG(status),
                            ::strsignal(WTERMSIG(status)));
        if (WTERMSIG(status) == SIGKILL)
            e.remedy = "see the kernel's log for an out-of-memory kill";
    }
    return e;
}

// Reads the child's messages until it is ready or has failed.
result<background_server> watch(int from_child, pid_t child) {
    std::FILE* lines = ::fdopen(from_child, "re");
    char* line = nullptr;
    std::size_t room = 0;
    result<background_server> outcome = failure({});
    bool told = false;
    while (!told && ::getline(&line, &room, lines) > 0) {
        const auto message = nlohmann::json::parse(line, nullptr, false);
        if (message.is_discarded()) continue;
        if (message.contains("log")) {
            log(static_cast<level>(message["level"].get<int>()), message["log"].get<std::string>());
        } else if (message.contains("ready")) {
            outcome = background_server{message["ready"].get<std::uint32_t>(), child};
            told = true;
        } else {
            outcome = failure({.operation = message["operation"].get<std::string>(),
                               .object = message["object"].get<std::string>(),
                               .code = message["code"].get<int>(),
                               .why = message["why"].get<std::string>(),
                               .remedy = message["remedy"].get<std::string>(),
                               .rule = message["rule"].get<std::string>(),
                               .usage = message["usage"].get<bool>()});
            told = true;
        }
    }
    std::free(line);
    std::fclose(lines);
    if (!told) return failure(died(child));
    // After a failure the child is about to end: wait, so that nothing of it is left.
    if (!outcome) status_of(child);
    return outcome;
}

}  // namespace

result<background_server> start_in_background(const std::function<result<target>()>& make,
                                              options wanted) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return failure({.operation = "pipe", .object = {}, .code = errno});
    }
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) {
        const int code = errno;
        ::close(ends[0]);
        ::close(ends[1]);
        return failure({.operation = "fork",
                        .object = {},
                        .code = code,
                        .why = "no process could be made for the server",
                        .remedy = "raise ulimit -u, or free some memory"});
    }
    if (child == 0) {
        ::close(ends[0]);
        serve_as_child(ends[1], make, std::move(wanted));
    }
    ::close(ends[1]);
    child_to_end = child;
    on_ending_signals(end_child);
    auto outcome = watch(ends[0], child);
    on_ending_signals(SIG_DFL);
    if (outcome && ended_by != 0) {
        // It was ready before it could end: a device that is about to go is no success.
        status_of(child);
        std::raise(ended_by);
    }
    return outcome;
}

}  // namespace ashlar::cli
