// SPDX-License-Identifier: MIT
#include "cli/background.hpp"

#include "cli/keeper.hpp"
#include "cli/scheduler.hpp"
#include "device/nodes.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

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

}  // namespace

result<ready_server> start_in_background(server_job job, int watched) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return failure({.operation = "pipe", .object = {}, .code = errno});
    }
    const bool is_new = !job.device;
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
        // What a caller blocks for itself would keep the server from ending.
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, nullptr);
        if (job.how.supervised) keep(std::move(job), ends[1], watched);
        work(std::move(job), ends[1]);
    }
    ::close(ends[1]);
    child_to_end = child;
    on_ending_signals(end_child);
    auto outcome = await_ready(ends[0], -1);
    // After a failure the child is about to end: wait, so that nothing of it is left.
    if (!outcome) {
        const int status = status_of(child);
        if (outcome.error().operation.empty()) outcome = failure(died(status));
    }
    on_ending_signals(SIG_DFL);
    if (outcome && ended_by != 0) {
        // It was ready before it could end: a device that is about to go is no success.
        status_of(child);
        std::raise(ended_by);
    }
    if (outcome && is_new) take_default_scheduler(device_room::disk_name(outcome->id));
    return outcome;
}

}  // namespace ashlar::cli
