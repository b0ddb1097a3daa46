// SPDX-License-Identifier: MIT
#include "device/server.hpp"

#include "base/try.hpp"
#include "device/nodes.hpp"
#include "device/resize.hpp"
#include "device/share.hpp"
#include "device/status.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace ashlar::device_room {

namespace {

constexpr int first_io_tick_ms = 20;
constexpr int busy_tick_ms = 300;

// Turns the signals that end a server into something to poll, and back when it goes.
class ending_signals {
public:
    ending_signals() {
        sigset_t set;
        sigemptyset(&set);
        for (int number : {SIGINT, SIGTERM, SIGHUP, hand_over_signal}) sigaddset(&set, number);
        pthread_sigmask(SIG_BLOCK, &set, &before_);
        fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    ending_signals(const ending_signals&) = delete;
    ending_signals& operator=(const ending_signals&) = delete;
    ~ending_signals() {
        while (take() != 0) {}
        ::close(fd_);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    [[nodiscard]] int fd() const { return fd_; }
    // The next one's number, or 0.
    [[nodiscard]] int take() const {
        signalfd_siginfo info;
        return ::read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                              : 0;
    }

private:
    sigset_t before_{};
    int fd_ = -1;
};

// The buckets that have something: [the longest of it in ns, how many].
nlohmann::ordered_json latency_json(const latency_histogram& h) {
    auto buckets = nlohmann::ordered_json::array();
    for (unsigned i = 0; i < latency_histogram::buckets; ++i) {
        if (h.counts[i] != 0) buckets.push_back({latency_histogram::most_of(i), h.counts[i]});
    }
    return {{"p50_ns", h.percentile(50)},  {"p90_ns", h.percentile(90)},
            {"p99_ns", h.percentile(99)},  {"p99.9_ns", h.percentile(99.9)},
            {"max_ns", h.percentile(100)}, {"buckets", std::move(buckets)}};
}

nlohmann::ordered_json counters_json(const queue_counters& c) {
    return {{"requests", c.requests},
            {"reads", c.reads},
            {"writes", c.writes},
            {"flushes", c.flushes},
            {"discards", c.discards},
            {"write_zeroes", c.zeroes},
            {"bytes_read", c.bytes_read},
            {"bytes_written", c.bytes_written},
            {"bytes_copied", c.bytes_copied},
            {"failed", c.failed},
            {"turns", c.turns},
            {"enters", c.enters},
            {"largest_batch", c.largest_batch},
            {"frames_on_heap", c.frames_on_heap},
            {"completions", c.completions},
            {"in_hand", c.in_hand},
            {"longest_ns", c.longest_ns},
            {"latency", latency_json(c.latency)}};
}

std::string status_of(const device::implementation& d, const confinement& confined) {
    nlohmann::ordered_json told = {{"id", d.id()},
                                   {"pid", ::getpid()},
                                   {"target", d.wanted().kind},
                                   {"lane", name(d.lane().lane)},
                                   {"lane_why", d.lane().lane_why},
                                   {"delivery", name(d.lane().delivery)},
                                   {"delivery_why", d.lane().delivery_why},
                                   {"confined", confined},
                                   {"queues", nlohmann::ordered_json::array()}};
    for (const queue_counters& c : d.counters()) told["queues"].push_back(counters_json(c));
    return told.dump() + "\n";
}

bool has_done_io(const device::implementation& d) {
    for (const queue_counters& c : d.counters()) {
        if (c.requests != 0) return true;
    }
    return false;
}

// What the loop below has still to do.
struct server {
    device::implementation& disk;
    const ending_signals& signals;
    const status_socket& socket;
    const confinement confined;
    bool tell_first_io = false;
    bool stopping = false;

    result<> run();
    result<bool> resume();
    result<bool> stop();
};

// The queues have ended, though nobody here has stopped the device, or they are to end for another
// server. True if it is served again.
result<bool> server::resume() {
    const std::string node = block_path(disk.id());
    log(level::info, disk.ended() ? fmt::format("{} was removed or quiesced by somebody else", node)
                                  : fmt::format("{} is handed over to another server", node));
    ASHLAR_TRY(const bool again, disk.resume());
    log(level::info, again ? fmt::format("{} is served again: nobody else has taken it over", node)
                           : fmt::format("{} is gone, or another server has it", node));
    return again;
}

// True when it is over; false while somebody uses the disk.
result<bool> server::stop() {
    auto stopped = disk.stop(stop_when::idle);
    if (stopped) return true;
    if (stopped.error().code != EBUSY) return failure(std::move(stopped).error());
    if (!stopping) {
        error e = std::move(stopped).error();
        e.remedy = "it is removed as soon as it is free; a second signal removes it at once";
        log(level::warning, e.text());
    }
    stopping = true;
    return false;
}

result<> server::run() {
    for (;;) {
        pollfd watched[] = {{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                            {.fd = socket.fd(), .events = POLLIN, .revents = 0},
                            {.fd = disk.ended_fd(), .events = POLLIN, .revents = 0}};
        const int tick = stopping ? busy_tick_ms : tell_first_io ? first_io_tick_ms : -1;
        if (::poll(watched, std::size(watched), tick) < 0 && errno != EINTR) {
            return failure({.operation = "poll", .object = {}, .code = errno});
        }
        if (tell_first_io && has_done_io(disk)) {
            tell_first_io = false;
            disk.wanted().on_step({step::kind::first_io, "the first request was answered"});
        }
        if (watched[1].revents != 0) {
            socket.answer_one([this](std::string_view question) {
                return answer_question(disk, question, confined);
            });
        }
        int number = signals.take();
        if (disk.ended() || number == hand_over_signal) {
            ASHLAR_TRY(const bool again, resume());
            if (!again) return disk.stop(stop_when::now);
            number = signals.take();
        }
        const bool second = stopping;
        const bool signalled = number != 0;
        if (second && signalled) return disk.stop(stop_when::now);
        if (second || signalled) {
            ASHLAR_TRY(const bool over, stop());
            if (over) return {};
        }
    }
}

}  // namespace

std::string answer_question(device::implementation& d, std::string_view question,
                            const confinement& confined) {
    if (question == status_question) return status_of(d, confined);
    std::string answer = answer_share(d, question);
    return !answer.empty() ? answer : answer_resize(d, question);
}

result<> run_server(target served, options wanted,
                    const std::function<void(const device::implementation&)>& ready,
                    std::optional<std::uint32_t> taken_over, const confinement* confined) {
    using implementation = device::implementation;
    const ending_signals signals;
    std::signal(SIGPIPE, SIG_IGN);
    os::machine& m = os::linux_machine();
    ASHLAR_TRY(auto device,
               taken_over
                   ? implementation::recover(m, *taken_over, std::move(served), std::move(wanted))
                   : implementation::start(m, std::move(served), std::move(wanted)));
    auto socket = status_socket::open(device->id());
    if (!socket) {
        ASHLAR_CHECK(device->stop(stop_when::now));
        return failure(std::move(socket).error());
    }
    ready(*device);
    server s{.disk = *device,
             .signals = signals,
             .socket = *socket,
             .confined = confined != nullptr ? *confined : confinement(),
             .tell_first_io = static_cast<bool>(device->wanted().on_step)};
    return s.run();
}

}  // namespace ashlar::device_room

namespace ashlar {

int serve(target served, options wanted) {
    auto served_well = device_room::run_server(
        std::move(served), std::move(wanted), [](const device::implementation& d) {
            std::printf("%s\n", device_room::block_path(d.id()).c_str());
            std::fflush(stdout);
        });
    if (served_well) return 0;
    log(level::error, served_well.error().text());
    return served_well.error().usage ? 2 : 1;
}

}  // namespace ashlar
