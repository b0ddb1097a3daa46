// SPDX-License-Identifier: MIT
#include "doctor/bounded.hpp"

#include "base/write_all.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace ashlar::doctor {

namespace {

using clock = std::chrono::steady_clock;
constexpr auto tick = std::chrono::milliseconds(5);
constexpr std::uint64_t last_wait_ns = 2'000'000'000;

int milliseconds_until(clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left);
}

}  // namespace

void helper::channel::say(std::string_view line) const { write_all(out, std::string(line) + "\n"); }

void helper::channel::await_word() const {
    char word = 0;
    while (::read(in, &word, 1) < 0 && errno == EINTR) {}
}

helper::helper(const std::function<int(const channel&)>& work) {
    int up[2] = {-1, -1};
    int down[2] = {-1, -1};
    if (::pipe2(up, O_CLOEXEC) != 0) return;
    if (::pipe2(down, O_CLOEXEC) == 0) {
        std::fflush(nullptr);
        pid_ = ::fork();
    }
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        std::signal(SIGINT, SIG_IGN);  // the parent takes Ctrl-C, and ends this by its own end
        ::close(up[0]);
        ::close(down[1]);
        ::_exit(work({up[1], down[0]}));
    }
    ::close(up[1]);
    if (down[0] >= 0) ::close(down[0]);
    from_ = up[0];
    to_ = down[1];
}

helper::~helper() {
    if (from_ >= 0) ::close(from_);
    if (to_ >= 0) ::close(to_);
    if (pid_ <= 0 || status_) return;
    ::kill(pid_, SIGKILL);
    end(last_wait_ns);
}

std::optional<std::string> helper::line(std::uint64_t limit_ns) {
    const auto until = clock::now() + std::chrono::nanoseconds(limit_ns);
    for (;;) {
        if (auto at = pending_.find('\n'); at != std::string::npos) {
            std::string first = pending_.substr(0, at);
            pending_.erase(0, at + 1);
            return first;
        }
        pollfd watched{.fd = from_, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&watched, 1, milliseconds_until(until));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return std::nullopt;
        char buffer[1024];
        const ssize_t got = ::read(from_, buffer, sizeof buffer);
        if (got <= 0) return std::nullopt;
        pending_.append(buffer, static_cast<std::size_t>(got));
    }
}

void helper::send_word() const { write_all(to_, "."); }

std::optional<int> helper::end(std::uint64_t limit_ns) {
    const auto until = clock::now() + std::chrono::nanoseconds(limit_ns);
    while (pid_ > 0 && !status_) {
        int status = 0;
        const pid_t who = ::waitpid(pid_, &status, WNOHANG);
        if (who == pid_) {
            status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (who < 0 && errno != EINTR) {
            status_ = 127;
        } else if (clock::now() >= until) {
            return std::nullopt;
        } else {
            std::this_thread::sleep_for(tick);
        }
    }
    return status_;
}

}  // namespace ashlar::doctor
