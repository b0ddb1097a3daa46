// SPDX-License-Identifier: MIT
// injected_call THREAD open PATH | write PATH | remove PATH | exec PATH | fork | register RING |
// new-ring: has a thread that sleeps make a system call, as whoever had got hold of it would, and
// prints what came of it: "allowed", or the errno's name. It goes on as before.
//
// `register` asks a ring (its descriptor) for something that no server wants of it, and new-ring
// asks a new one: EACCES if it is restricted, and else EFAULT for the argument.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr unsigned long syscall_instruction = 0x050f;
constexpr unsigned long long below_red_zone = 1024;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(2);
}

void trace(int request, pid_t pid, void* address, void* data) {
    if (::ptrace(static_cast<__ptrace_request>(request), pid, address, data) < 0) {
        give_up("ptrace");
    }
}

void wait_for_stop(pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) give_up("waitpid");
}

// A stopped thread, asleep in a system call, and what it has in its registers.
struct stopped_thread {
    pid_t id;
    user_regs_struct before;
    unsigned long long memory;  // of its stack, free for us
};

stopped_thread stop(pid_t id) {
    trace(PTRACE_SEIZE, id, nullptr, nullptr);
    trace(PTRACE_INTERRUPT, id, nullptr, nullptr);
    wait_for_stop(id);
    stopped_thread t{.id = id, .before = {}, .memory = 0};
    trace(PTRACE_GETREGS, id, nullptr, &t.before);
    t.memory = t.before.rsp - below_red_zone;
    return t;
}

void put(const stopped_thread& t, const void* bytes, std::size_t count) {
    iovec from{.iov_base = const_cast<void*>(bytes), .iov_len = count};
    iovec to{.iov_base = reinterpret_cast<void*>(t.memory), .iov_len = count};
    if (::process_vm_writev(t.id, &from, 1, &to, 1, 0) < 0) give_up("process_vm_writev");
}

long call(const stopped_thread& t, long number, unsigned long long first = 0,
          unsigned long long second = 0, unsigned long long third = 0,
          unsigned long long fourth = 0) {
    user_regs_struct call = t.before;
    // Not a system call any more that would be made again.
    call.orig_rax = ~0ULL;
    call.rax = static_cast<unsigned long long>(number);
    call.rdi = first;
    call.rsi = second;
    call.rdx = third;
    call.r10 = fourth;
    call.r8 = 0;
    // The instruction that the process sleeps behind is a system call.
    call.rip = t.before.rip - 2;
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKTEXT, t.id, reinterpret_cast<void*>(call.rip), nullptr);
    if ((static_cast<unsigned long>(word) & 0xffff) != syscall_instruction) give_up("it computes");
    trace(PTRACE_SETREGS, t.id, nullptr, &call);
    trace(PTRACE_SINGLESTEP, t.id, nullptr, nullptr);
    wait_for_stop(t.id);
    user_regs_struct after{};
    trace(PTRACE_GETREGS, t.id, nullptr, &after);
    return static_cast<long>(after.rax);
}

// A call of io_uring_register(2) that no server makes: without a restriction its argument is bad.
long register_events(const stopped_thread& t, unsigned long long ring) {
    constexpr unsigned register_eventfd = 4;
    return call(t, SYS_io_uring_register, ring, register_eventfd, 0, 1);
}

long make_call(const stopped_thread& t, const char* what, const char* word) {
    const auto is = [=](const char* name) { return std::strcmp(what, name) == 0; };
    put(t, word, std::strlen(word) + 1);
    if (is("open")) {
        const auto here = static_cast<unsigned long long>(AT_FDCWD);
        return call(t, SYS_openat, here, t.memory, O_RDONLY | O_CLOEXEC);
    }
    if (is("write")) {
        const auto here = static_cast<unsigned long long>(AT_FDCWD);
        return call(t, SYS_openat, here, t.memory, O_WRONLY | O_CLOEXEC);
    }
    if (is("remove")) return call(t, SYS_unlink, t.memory);
    if (is("exec")) return call(t, SYS_execve, t.memory);
    if (is("fork")) return call(t, SYS_clone, SIGCHLD);
    if (is("register")) return register_events(t, std::strtoull(word, nullptr, 10));
    if (is("new-ring")) {
        const char parameters[120] = {};
        put(t, parameters, sizeof parameters);
        const long ring = call(t, SYS_io_uring_setup, 8, t.memory);
        if (ring < 0) return ring;
        const long outcome = register_events(t, static_cast<unsigned long long>(ring));
        call(t, SYS_close, static_cast<unsigned long long>(ring));
        return outcome;
    }
    std::exit(2);
}

}  // namespace

int main(int count, char** words) {
    if (count < 3) return 2;
    const stopped_thread t = stop(std::atoi(words[1]));
    const long outcome = make_call(t, words[2], count > 3 ? words[3] : "");
    auto before = t.before;
    trace(PTRACE_SETREGS, t.id, nullptr, &before);
    trace(PTRACE_DETACH, t.id, nullptr, nullptr);
    std::printf("%s\n", outcome >= 0 ? "allowed" : ::strerrorname_np(static_cast<int>(-outcome)));
    return 0;
}
