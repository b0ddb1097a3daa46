// SPDX-License-Identifier: MIT
#include "linux_stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace agree {

namespace {

using clock = std::chrono::steady_clock;

double ms_since(clock::time_point from) {
    return std::chrono::duration<double, std::milli>(clock::now() - from).count();
}

bool is_command(const step& s, uapi::ctrl_op what) {
    return s.what == op::submit && s.control && uapi::decode(s.command).nr == uapi::raw(what);
}

// Whether it can set other things going, after its own outcome.
bool has_consequences(const step& s) {
    switch (s.what) {
        case op::submit: return true;
        case op::close:
        case op::unmap:
        case op::ring_close:
        case op::thread_end:
        case op::kill:
        case op::disk_close:
        case op::disk_open: return true;
        default: return false;
    }
}

bool ends_something(const step& s) {
    return s.what == op::close || s.what == op::ring_close || s.what == op::thread_end ||
           s.what == op::kill || s.what == op::unmap;
}

bool is_disk_io(const step& s) { return s.what >= op::disk_open && s.what <= op::disk_zero; }

}  // namespace

linux_stage::linux_stage(const sequence& what, board& shared, const pace& at)
    : sequence_(what), board_(shared), pace_(at) {
    control_ = ::open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
    load_ = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    io_uring_queue_init(16, &ring_, IORING_SETUP_SQE128);
}

linux_stage::~linux_stage() {
    io_uring_queue_exit(&ring_);
    ::close(control_);
    ::close(load_);
}

void linux_stage::begin(unsigned number) {
    if (number == 0) start_processes();
    const step& s = sequence_.steps[number];
    if (s.what == op::mode) {
        at_once_.push_back({number, set_mode(s)});
        return;
    }
    const auto& process = processes_[s.process];
    if (!process->running()) {
        at_once_.push_back({number, "no such process"});
        return;
    }
    waiting_.insert(number);
    if (s.served) board_.serving = true;
    if (s.what == op::kill) process->kill();
    else process->send(s.thread, number);
}

// All of them first: one that starts after another's death may get the same mm_struct, and a device
// of 6.12 knows its server by that address.
void linux_stage::start_processes() {
    for (const step& s : sequence_.steps) {
        auto& process = processes_[s.process];
        if (s.what == op::mode || process != nullptr) continue;
        process = std::make_unique<linux_process>(s.process, sequence_, board_);
        process->start();
    }
}

void linux_stage::note(settling& s, std::vector<event>& all, event e) {
    waiting_.erase(e.step);
    if (e.step != s.number) {
        s.others = true;
    } else {
        s.done = true;
        s.failed = e.text.starts_with("-");
    }
    // What is multishot goes on.
    if (e.text.ends_with(" more")) waiting_.insert(e.step);
    all.push_back(std::move(e));
    s.quiet_ms = 0;
}

bool linux_stage::take_messages(settling& s, std::vector<event>& all, int timeout_ms) {
    std::vector<pollfd> wanted;
    std::vector<std::pair<linux_process*, unsigned>> whose;
    for (const auto& process : processes_) {
        if (process == nullptr) continue;
        for (unsigned t = 0; t < threads_max; ++t) {
            if (process->socket(t) < 0) continue;
            wanted.push_back({.fd = process->socket(t), .events = POLLIN, .revents = 0});
            whose.emplace_back(process.get(), t);
        }
    }
    bool any = false;
    if (::poll(wanted.data(), wanted.size(), timeout_ms) > 0) {
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (wanted[i].revents == 0) continue;
            message m;
            const ssize_t got = ::recv(wanted[i].fd, &m, sizeof m, MSG_DONTWAIT);
            if (got <= 0) {
                // Its thread has ended; the socket would be ready for ever.
                if (got == 0 || errno != EAGAIN) whose[i].first->hang_up(whose[i].second);
                continue;
            }
            any = true;
            if (m.what == message::kind::entered) {
                if (m.step == s.number) s.entered = true;
                s.quiet_ms = 0;
            } else {
                note(s, all, {m.step, m.text});
            }
        }
    }
    for (const auto& process : processes_) {
        if (process == nullptr || !process->ended()) continue;
        const step& current = sequence_.steps[s.number];
        if (current.what == op::kill && processes_[current.process] == process) {
            note(s, all, {s.number, "ended"});
        }
        // What its threads had under way ends without a word.
        std::erase_if(waiting_, [&](unsigned n) {
            return processes_[sequence_.steps[n].process] == process;
        });
        any = true;
    }
    return any;
}

bool linux_stage::others_wait(unsigned number) const {
    for (unsigned n : waiting_) {
        if (n == number) continue;
        const step& s = sequence_.steps[n];
        if (is_disk_io(s) || (s.what == op::submit && s.control)) return true;
    }
    return false;
}

// How long it must have been quiet. Found by measuring under emulation: a stop with its waits for
// RCU takes some 100 ms, with gaps of 30.
double linux_stage::limit_ms(const settling& s) const {
    const step& current = sequence_.steps[s.number];
    const bool io = current.what == op::submit && !current.control;
    double limit = 0;
    if (!s.done) {
        limit = s.entered && io ? (others_wait(s.number) ? 60 : 3) : 150;
        if (is_disk_io(current)) limit = 80;
    } else if (ends_something(current)) {
        limit = waiting_.empty() ? 20 : 120;
        if (current.what == op::kill) limit = 120;
    } else if (s.others) {
        limit = 60;
    } else if (!s.failed && has_consequences(current) && (!waiting_.empty() || board_.serving)) {
        limit = io || is_command(current, uapi::ctrl_op::start_dev) ? 60 : 40;
        if (!others_wait(s.number) && current.control) {
            const bool tells = current.writes != gives::nothing;
            if (tells) limit = 0;
        }
    }
    return limit * pace_.patience;
}

// Of /proc/loadavg, the fourth number: how many tasks run, this one included.
bool linux_stage::others_run() const {
    char text[64] = {};
    if (::pread(load_, text, sizeof text - 1, 0) <= 0) return false;
    const char* at = text;
    for (unsigned skipped = 0; skipped < 3 && at != nullptr; ++skipped) {
        at = std::strchr(at, ' ');
        if (at != nullptr) ++at;
    }
    return at != nullptr && std::strtoul(at, nullptr, 10) > 1;
}

std::vector<event> linux_stage::settle(unsigned number) {
    settling s{.number = number, .served = board_.served};
    std::vector<event> all;
    for (event& e : std::exchange(at_once_, {})) note(s, all, std::move(e));
    // Some ends of rings keep a worker of the kernel busy until something else happens.
    const auto began = clock::now();
    while (ms_since(began) < 5000.0 * pace_.patience) {
        const auto from = clock::now();
        const double limit = limit_ms(s);
        const int look_ms = pace_.calm ? std::max(2, static_cast<int>(limit / 5)) : 2;
        const bool any = take_messages(s, all, s.done && limit == 0 ? 0 : look_ms);
        if (any) continue;
        if (board_.served != s.served) {
            s.served = board_.served;
            s.quiet_ms = 0;
        }
        if (s.quiet_ms >= limit) break;
        // Time in which this machine was held up, or others ran, is not quiet.
        const double slice = ms_since(from);
        if (slice < look_ms + 8 && !others_run()) s.quiet_ms += slice;
    }
    if (board_.serving) {
        bool starting = false;
        for (unsigned n : waiting_) starting |= sequence_.steps[n].served;
        if (!starting) board_.serving = false;
    }
    return all;
}

std::string linux_stage::set_mode(const step& s) {
    const std::int32_t id = board_.devices[s.dev].id;
    const std::string path = s.target == file::control  ? "/dev/ublk-control"
                             : s.target == file::device ? fmt::format("/dev/ublkc{}", id)
                                                        : fmt::format("/dev/ublkb{}", id);
    if (::chown(path.c_str(), static_cast<uid_t>(s.length), static_cast<gid_t>(s.length)) != 0 ||
        ::chmod(path.c_str(), s.flags) != 0) {
        return errno_text(-errno);
    }
    return "0";
}

}  // namespace agree
