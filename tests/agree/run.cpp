// SPDX-License-Identifier: MIT
// Driving a sequence, and giving it a process of its own on Linux.
#include "linux_stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agree {

std::string state_text(const board& b, const uapi::ctrl_dev_info& info, int outcome) {
    if (outcome < 0) return errno_text(outcome);
    constexpr const char* states[] = {"DEAD", "LIVE", "QUIESCED", "FAIL_IO"};
    std::string server = fmt::format("{}", info.ublksrv_pid);
    for (unsigned p = 0; p < processes_max; ++p) {
        if (info.ublksrv_pid > 0 && b.pids[p] == info.ublksrv_pid) server = fmt::format("p{}", p);
    }
    return fmt::format("{} {}", info.state < 4 ? states[info.state] : "state?", server);
}

std::string run(const sequence& s, stage& on) {
    std::string record = fmt::format("sequence {}\n", s.id);
    auto write = std::back_inserter(record);
    std::string seen;
    for (unsigned number = 0; number < s.steps.size(); ++number) {
        on.begin(number);
        std::vector<event> events;  // by step, else as they came
        for (event& e : on.settle(number)) {
            events.insert(std::ranges::upper_bound(events, e.step, {}, &event::step), std::move(e));
        }
        std::string own;
        for (const event& e : events) {
            if (e.step == number) own += (own.empty() ? "" : "; ") + e.text;
        }
        fmt::format_to(write, "{} {} => {}\n", number + 1, text_of(s.steps[number]),
                       own.empty() ? "waits" : own);
        for (const event& e : events) {
            if (e.step != number) fmt::format_to(write, "  then {} => {}\n", e.step + 1, e.text);
        }
        // A refused call changes nothing that could be seen, or it shows after the next one.
        if (events.size() == 1 && own.starts_with("-")) continue;
        if (std::string now = on.observe(); now != seen) {
            fmt::format_to(write, "  now {}\n", now);
            seen = std::move(now);
        }
    }
    return record + fmt::format("end {}\n", on.finish());
}

namespace {

struct shared_record {
    board known;
    char text[512 << 10];
};

}  // namespace

std::string run_on_linux(const sequence& s, const pace& at) {
    void* memory = ::mmap(nullptr, sizeof(shared_record), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fmt::format("sequence {}\nend no memory\n", s.id);
    auto* shared = new (memory) shared_record;
    const pid_t conductor = ::fork();
    if (conductor == 0) {
        linux_stage on(s, shared->known, at);
        const std::string record = run(s, on);
        std::memcpy(shared->text, record.data(), std::min(record.size(), sizeof shared->text - 1));
        ::_exit(0);
    }
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, conductor, 0));
    pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
    std::string record;
    if (::poll(&ended, 1, static_cast<int>(180'000 * at.patience)) > 0) {
        ::waitpid(conductor, nullptr, 0);
        record = shared->text;
    } else {
        ::kill(conductor, SIGKILL);
    }
    if (record.empty()) record = fmt::format("sequence {}\nend no record\n", s.id);
    ::close(handle);
    ::munmap(memory, sizeof(shared_record));
    return record;
}

}  // namespace agree
