// SPDX-License-Identifier: MIT
#include "sim/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ashlar::sim {

namespace {

constexpr std::uint64_t runs_per_child = 500;
constexpr useconds_t look_us_max = 20'000;
constexpr double progress_seconds = 0.2;

// Of this process and of the children that have ended.
double processor_seconds_now() {
    double all = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used{};
        ::getrusage(who, &used);
        for (const timeval& t : {used.ru_utime, used.ru_stime}) {
            all += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
        }
    }
    return all;
}

double seconds_now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(now).count();
}

// What a child tells, in memory that it shares with its parent.
struct message {
    totals sums;
    std::uint64_t seed;
    bool found;
    char what[8192], history[4'000'000];

    void tell(const finding& f) {
        copy(f.what, what, sizeof what);
        // The end of a long history is what counts.
        const std::size_t room = sizeof history - 1;
        copy(f.history.size() > room ? f.history.substr(f.history.size() - room) : f.history,
             history, sizeof history);
        found = true;
    }
    static void copy(const std::string& text, char* to, std::size_t room) {
        const std::size_t length = std::min(text.size(), room - 1);
        std::memcpy(to, text.data(), length);
        to[length] = '\0';
    }
};

class shared_message {
public:
    shared_message()
        : memory_(::mmap(nullptr, sizeof(message), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
        if (memory_ == MAP_FAILED) throw std::bad_alloc();
        new (memory_) message{};
    }
    shared_message(const shared_message&) = delete;
    shared_message& operator=(const shared_message&) = delete;
    ~shared_message() { ::munmap(memory_, sizeof(message)); }
    message* operator->() { return static_cast<message*>(memory_); }
    message& operator*() { return *static_cast<message*>(memory_); }

private:
    void* memory_;
};

// Where two runs of one plan part: the first event that differs.
std::string parting(const plan& p) {
    constexpr std::size_t all_events = 500'000;
    const std::string a = run_plan(p, all_events).all_events;
    const std::string b = run_plan(p, all_events).all_events;
    const auto at = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
    const std::size_t line = a.rfind('\n', at) + 1;
    const auto line_of = [line](const std::string& text) {
        return text.substr(std::min(line, text.size()), text.find('\n', line) - line);
    };
    return fmt::format("\n  {}\n  {}", line_of(a), line_of(b));
}

finding run_once(const plan& p, std::size_t history, bool twice, verdict& first) {
    first = run_plan(p, history);
    finding f{.seed = p.seed, .what = first.broken, .history = first.history};
    if (!f.what.empty() || !twice) return f;
    const verdict second = run_plan(p, history);
    if (second.hash != first.hash || second.events != first.events) {
        f.what = fmt::format("two runs of one seed differ: {} events with hash {:016x}, then {} "
                             "with {:016x}",
                             first.events, first.hash, second.events, second.hash) +
                 parting(p);
    }
    return f;
}

// Runs seeds until one fails; what is found is in the message.
void run_seeds(const runs_wanted& w, std::uint64_t first, std::uint64_t count, message& m) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        m.seed = seed;
        const plan p = shortened(draw_plan(seed, w.draw), w.shorter);
        const bool twice = p.operations() < w.repeat_below;
        verdict v;
        const finding f = run_once(p, w.history, twice, v);
        m.sums.add(v);
        m.sums.repeated += twice ? 1 : 0;
        if (!f.what.empty()) return m.tell(f);
    }
}

// Runs `body` in a child, and calls `look` meanwhile; false from it ends the child. What comes of a
// crash is told in words.
template <class F, class G>
std::string in_child(F&& body, G&& look) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return fmt::format("fork: {}", errno_text(errno));
    if (child == 0) {
        body();
        ::_exit(0);
    }
    bool ended_here = false;
    useconds_t pause_us = 200;
    for (;;) {
        int status = 0;
        const pid_t gone = ::waitpid(child, &status, WNOHANG);
        if (gone == child) {
            if (ended_here || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return "";
            if (WIFSIGNALED(status)) {
                return fmt::format("the simulated program crashed: {}",
                                   ::strsignal(WTERMSIG(status)));
            }
            return fmt::format("the simulated program ended with status {}", WEXITSTATUS(status));
        }
        if (!look() && !ended_here) {
            ended_here = true;
            ::kill(child, SIGKILL);
        }
        ::usleep(pause_us);
        pause_us = std::min(2 * pause_us, look_us_max);
    }
}

}  // namespace

void totals::add(const verdict& v) {
    totals one{.runs = 1,
               .steps = v.steps,
               .virtual_ns = v.virtual_ns,
               .clients = v.clients,
               .mishaps = v.mishaps,
               .servers = v.servers,
               .recoveries = v.recoveries};
    add(one);
}

void totals::add(const totals& other) {
    runs += other.runs;
    repeated += other.repeated;
    steps += other.steps;
    virtual_ns += other.virtual_ns;
    servers += other.servers;
    recoveries += other.recoveries;
    for (std::size_t i = 0; i < mishaps.size(); ++i) mishaps[i] += other.mishaps[i];
    const client_counters& c = other.clients;
    clients.requests += c.requests;
    clients.reads += c.reads;
    clients.writes += c.writes;
    clients.flushes += c.flushes;
    clients.discards += c.discards;
    clients.zeroes += c.zeroes;
    clients.failed += c.failed;
    clients.sectors_checked += c.sectors_checked;
}

outcome run_many(const runs_wanted& w,
                 const std::function<void(const totals&, double seconds)>& progress) {
    outcome all;
    const double began = seconds_now(), spent = processor_seconds_now();
    const double limit = static_cast<double>(w.limit_ns) / 1e9;
    double told = began;
    std::uint64_t next = w.first_seed;
    const auto time_is_over = [&] { return w.limit_ns != 0 && seconds_now() - began >= limit; };
    const auto more = [&] {
        return w.limit_ns != 0 ? !time_is_over() : next < w.first_seed + w.count;
    };
    while (more() && !all.found) {
        std::uint64_t count = runs_per_child;
        if (w.limit_ns == 0) count = std::min(count, w.first_seed + w.count - next);
        shared_message m;
        std::string crash;
        if (w.in_children) {
            crash = in_child([&] { run_seeds(w, next, count, *m); },
                             [&] {
                                 const double now = seconds_now();
                                 if (progress && now - told > progress_seconds) {
                                     told = now;
                                     totals sums = all.sums;
                                     sums.add(m->sums);
                                     progress(sums, now - began);
                                 }
                                 return !time_is_over();
                             });
        } else {
            run_seeds(w, next, count, *m);
        }
        all.sums.add(m->sums);
        if (!crash.empty()) all.found = finding{.seed = m->seed, .what = crash};
        if (m->found) all.found = finding{m->seed, m->what, m->history};
        next += count;
    }
    all.seconds = seconds_now() - began;
    all.processor_seconds = processor_seconds_now() - spent;
    return all;
}

finding run_apart(const plan& p, std::size_t history, bool twice) {
    shared_message m;
    const std::string crash = in_child(
        [&] {
            verdict v;
            const finding f = run_once(p, history, twice, v);
            if (!f.what.empty()) m->tell(f);
        },
        [] { return true; });
    if (!crash.empty()) return {.seed = p.seed, .what = crash};
    return {p.seed, m->what, m->history};
}

}  // namespace ashlar::sim
