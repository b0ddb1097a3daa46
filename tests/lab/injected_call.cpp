// SPDX-License-Identifier: MIT
// injected_call PID open PATH | exec PATH | socket: has the first thread of a process make a system
// call, as whoever had got hold of it would, and prints what came of it: "allowed", or the errno's
// name. The process goes on as before.
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

}  // namespace

int main(int count, char** words) {
    if (count < 3) return 2;
    const pid_t pid = std::atoi(words[1]);
    const char* path = count > 3 ? words[3] : "";
    trace(PTRACE_SEIZE, pid, nullptr, nullptr);
    trace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    wait_for_stop(pid);
    user_regs_struct before{};
    trace(PTRACE_GETREGS, pid, nullptr, &before);
    user_regs_struct call = before;
    // Not a system call any more that would be made again.
    call.orig_rax = ~0ULL;
    const unsigned long long memory = before.rsp - below_red_zone;
    iovec from{.iov_base = const_cast<char*>(path), .iov_len = std::strlen(path) + 1};
    iovec to{.iov_base = reinterpret_cast<void*>(memory), .iov_len = from.iov_len};
    if (::process_vm_writev(pid, &from, 1, &to, 1, 0) < 0) give_up("process_vm_writev");
    if (std::strcmp(words[2], "open") == 0) {
        call.rax = SYS_openat;
        call.rdi = static_cast<unsigned long long>(AT_FDCWD);
        call.rsi = memory;
        call.rdx = O_RDONLY | O_CLOEXEC;
    } else if (std::strcmp(words[2], "exec") == 0) {
        call.rax = SYS_execve;
        call.rdi = memory;
        call.rsi = call.rdx = 0;
    } else if (std::strcmp(words[2], "fork") == 0) {
        call.rax = SYS_clone;
        call.rdi = SIGCHLD;
        call.rsi = call.rdx = call.r10 = call.r8 = 0;
    } else {
        return 2;
    }
    // The instruction that the process sleeps behind is a system call.
    call.rip = before.rip - 2;
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKTEXT, pid, reinterpret_cast<void*>(call.rip), nullptr);
    if ((static_cast<unsigned long>(word) & 0xffff) != syscall_instruction) give_up("it computes");
    trace(PTRACE_SETREGS, pid, nullptr, &call);
    trace(PTRACE_SINGLESTEP, pid, nullptr, nullptr);
    wait_for_stop(pid);
    user_regs_struct after{};
    trace(PTRACE_GETREGS, pid, nullptr, &after);
    trace(PTRACE_SETREGS, pid, nullptr, &before);
    trace(PTRACE_DETACH, pid, nullptr, nullptr);
    const long outcome = static_cast<long>(after.rax);
    std::printf("%s\n", outcome >= 0 ? "allowed" : ::strerrorname_np(static_cast<int>(-outcome)));
    return 0;
}
