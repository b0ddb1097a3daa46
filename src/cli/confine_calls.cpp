// SPDX-License-Identifier: MIT
// The filter of system calls. It names what no server does, not all that one does: the C library
// and its next version may choose among calls, and a disk must not end by that.
#include "cli/confine.hpp"

#include <cerrno>
#include <sched.h>
#include <seccomp.h>

namespace ashlar::cli {

namespace {

constexpr const char* denied[] = {
    // other programs and processes
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "pidfd_open",
    "process_madvise",
    "kcmp",
    // mounts and name spaces
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "setns",
    "unshare",
    "open_by_handle_at",
    "name_to_handle_at",
    // the kernel itself
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "personality",
    "iopl",
    "ioperm",
    "modify_ldt",
    "fanotify_init",
    // keys, clocks and names of the machine
    "add_key",
    "request_key",
    "keyctl",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    // another user, and what a file is to others
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setfsuid",
    "setfsgid",
    "chmod",
    "fchmodat",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "mknod",
    "mknodat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
};

bool deny(scmp_filter_ctx filter) {
    for (const char* name : denied) {
        const int number = ::seccomp_syscall_resolve_name(name);
        // One that this library does not know, or this processor has not.
        if (number == __NR_SCMP_ERROR) continue;
        if (::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0) != 0) return false;
    }
    // Threads are made, and no processes; of clone3 a filter can't tell which.
    const auto process = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
    return ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, process) == 0 &&
           ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

}  // namespace

std::vector<std::string> confine_calls() {
    const scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
    if (filter == nullptr) return {};
    const bool set =
        ::seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) == 0 &&
        ::seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && deny(filter) &&
        ::seccomp_load(filter) == 0;
    ::seccomp_release(filter);
    if (!set) return {};
    return {"system calls filtered"};
}

}  // namespace ashlar::cli
