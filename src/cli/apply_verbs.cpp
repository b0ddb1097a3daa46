// SPDX-License-Identifier: MIT
// apply: devices as a file says. serve: the same as a service, which stays and looks after them.
#include "base/try.hpp"
#include "cli/apply.hpp"
#include "cli/notify.hpp"
#include "cli/together.hpp"
#include "cli/verbs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

constexpr int look_ms = 5'000;

result<std::string> path_of(const command& c) {
    if (c.words.size() <= 1) return c.words.empty() ? std::string(default_config) : c.words[0];
    return failure({.operation = std::string(c.what->name),
                    .why = "there is one file of devices at a time",
                    .remedy = fmt::format("see ashlar {} --help", c.what->name),
                    .usage = true});
}

void tell(const std::string& node, const std::string& name, std::string_view what) {
    fmt::print("{} {} {}\n", node, name, what);
    std::fflush(stdout);
}

int report_all(const std::vector<error>& errors) {
    int code = 0;
    for (const error& e : errors) code = std::max(code, report(e));
    return code;
}

class service {
public:
    explicit service(std::string path) : path_(std::move(path)) {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    int run();

private:
    int start(const apply_manner& how);
    void look_after();
    [[nodiscard]] int await_signal(int ms) const;

    std::string path_;
    std::vector<configured_device> devices_;
    std::string said_;  // of what fails, so that it is said once
    int signals_ = -1;
};

int service::start(const apply_manner& how) {
    auto devices = read_config(path_);
    if (!devices) return report(devices.error());
    devices_ = std::move(*devices);
    return report_all(apply(path_, devices_, how, tell));
}

// One that waits for a server and has no keeper is served again, one that ended is made anew; one
// that somebody has removed stays away.
void service::look_after() {
    // Servers that have ended are children of this process.
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
    const auto tell_news = [](const std::string& node, const std::string& name,
                              std::string_view what) {
        if (what != "unchanged") tell(node, name, what);
    };
    std::string said;
    for (const error& e : apply(path_, devices_, {.add = false}, tell_news)) {
        said += e.text() + "\n";
    }
    if (said != said_ && !said.empty()) fmt::print(stderr, "ashlar: {}", said);
    said_ = said;
    const auto existing = devices_of(path_);
    if (!existing) return;
    const auto live = std::ranges::count(*existing, "live", &device_entry::state);
    notify_manager(
        fmt::format("WATCHDOG=1\nSTATUS={} of {} devices are served", live, devices_.size()));
}

int service::await_signal(int ms) const {
    pollfd watched{.fd = signals_, .events = POLLIN, .revents = 0};
    ::poll(&watched, 1, ms);
    signalfd_siginfo info;
    return ::read(signals_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                               : 0;
}

int service::run() {
    const int failed = start({});
    if (failed != 0) return failed;
    notify_manager("READY=1");
    const int period = watchdog_pause_ms();
    const int pause = period == 0 ? look_ms : std::min(look_ms, period);
    for (;;) {
        look_after();
        const int number = await_signal(pause);
        if (number == SIGHUP) {
            notify_manager("RELOADING=1");
            start({.prune = true});
            notify_manager("READY=1");
        } else if (number != 0) {
            break;
        }
    }
    notify_manager("STOPPING=1");
    return report_all(remove_all(path_));
}

}  // namespace

int run_apply(const command& c) {
    const auto path = path_of(c);
    if (!path) return report(path.error());
    const auto devices = read_config(*path);
    if (!devices) return report(devices.error());
    return report_all(apply(*path, *devices,
                            {.dry_run = c.values.has("dry-run"),
                             .replace = c.values.has("replace"),
                             .prune = c.values.has("prune")},
                            tell));
}

int run_serve(const command& c) {
    const auto path = path_of(c);
    if (!path) return report(path.error());
    const auto threads = c.values.number("threads", 0, 0, 1024);
    if (!threads) return report(threads.error());
    if (!c.values.has("one-process")) {
        if (!c.values.has("threads")) return service(*path).run();
        return report({.operation = "--threads",
                       .why = "each device has a process of its own, and threads of its own",
                       .remedy = "add --one-process",
                       .usage = true});
    }
    return serve_together({.path = *path, .threads = static_cast<unsigned>(*threads)});
}

}  // namespace ashlar::cli
