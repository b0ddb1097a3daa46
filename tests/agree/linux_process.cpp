// SPDX-License-Identifier: MIT
#include "linux_process.hpp"

#include "actor.hpp"
#include "linux_calls.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace agree {

namespace {

void tell(int socket, std::uint32_t number, message::kind what, const std::string& text) {
    message m{.step = number, .what = what};
    const std::size_t length = std::min(text.size(), sizeof m.text - 1);
    std::memcpy(m.text, text.data(), length);
    ::send(socket, &m, offsetof(message, text) + length + 1, MSG_NOSIGNAL);
}

void reap(actor& a, int socket) {
    for (const event& e : a.reap()) tell(socket, e.step, message::kind::outcome, e.text);
}

// Takes steps until the socket closes or the thread is told to end.
void act(actor& a, int socket, const sequence& what) {
    for (;;) {
        reap(a, socket);
        std::vector<pollfd> wanted{{.fd = socket, .events = POLLIN, .revents = 0}};
        for (int fd : a.ring_fds()) wanted.push_back({.fd = fd, .events = POLLIN, .revents = 0});
        if (::poll(wanted.data(), wanted.size(), -1) < 0) continue;
        if (wanted[0].revents == 0) continue;
        std::uint32_t number = 0;
        if (::recv(socket, &number, sizeof number, 0) != sizeof number) return;
        if (number == answer_everything) {
            a.answer_all();
            continue;
        }
        const auto text = a.perform(number);
        if (text) {
            tell(socket, number, message::kind::outcome, *text);
        } else {
            reap(a, socket);
            tell(socket, number, message::kind::entered, "");
        }
        if (what.steps[number].what == op::thread_end) return;
    }
}

void drop_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[2] = {};
    ::syscall(SYS_capset, &header, none);
}

}  // namespace

linux_process::~linux_process() {
    for (int fd : sockets_) {
        if (fd >= 0) ::close(fd);
    }
}

void linux_process::become() const {
    if (index_ == p_nobody) {
        ::setgroups(0, nullptr);
        [[maybe_unused]] const int group = ::setresgid(1000, 1000, 1000);
        [[maybe_unused]] const int user = ::setresuid(1000, 1000, 1000);
    }
    if (index_ == p_bare || index_ == p_nobody) drop_capabilities();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void linux_process::body(const std::array<int, threads_max>& sockets) {
    become();
    linux_calls system;
    process_state state(system);
    std::vector<std::thread> threads;
    for (int socket : sockets) {
        threads.emplace_back([&, socket] {
            actor a(system, state, sequence_, board_);
            act(a, socket, sequence_);
        });
    }
    for (std::thread& t : threads) t.join();
    ::_exit(0);
}

bool linux_process::start() {
    std::array<int, threads_max> theirs{};
    for (unsigned i = 0; i < threads_max; ++i) {
        int pair[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
        sockets_[i] = pair[0];
        theirs[i] = pair[1];
    }
    pid_ = ::fork();
    if (pid_ == 0) {
        for (int fd : sockets_) ::close(fd);
        body(theirs);
    }
    for (int fd : theirs) ::close(fd);
    board_.pids[index_] = pid_;
    return pid_ > 0;
}

void linux_process::hang_up(unsigned thread) { ::close(std::exchange(sockets_[thread], -1)); }

void linux_process::send(unsigned thread, std::uint32_t number) {
    ::send(sockets_[thread], &number, sizeof number, MSG_NOSIGNAL);
}

void linux_process::kill() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
}

bool linux_process::ended() {
    if (pid_ <= 0 || ::waitpid(pid_, nullptr, WNOHANG) != pid_) return false;
    pid_ = -1;
    return true;
}

}  // namespace agree
