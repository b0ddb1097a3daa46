// SPDX-License-Identifier: MIT
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

namespace ashlar::os {

namespace {

// io_uring_setup(2)'s errno in a person's words.
error ring_error(int code, linux& machine) {
    error e{.operation = "io_uring_setup", .object = {}, .code = code};
    if (code == EPERM) {
        std::string path = "/proc/sys/kernel/io_uring_disabled";
        std::string value = machine.read_text(path).value_or("");
        if (value.starts_with("1") || value.starts_with("2")) {
            e.why =
                fmt::format("io_uring is switched off here: sysctl kernel.io_uring_disabled is {}",
                            value.substr(0, 1));
            e.remedy = "sysctl -w kernel.io_uring_disabled=0";
        } else {
            e.why = "io_uring is refused, probably by a seccomp filter (the default of containers)";
            e.remedy = "allow io_uring_setup, io_uring_enter and io_uring_register there";
        }
    } else if (code == ENOSYS) {
        e.why = "this kernel has no io_uring";
        e.remedy = "use a kernel with CONFIG_IO_URING (ashlar needs Linux 6.1 or newer)";
    } else if (code == ENOMEM) {
        rlimit limit{};
        getrlimit(RLIMIT_MEMLOCK, &limit);
        e.why =
            fmt::format("the ring's memory could not be had; the limit of locked memory is {} KiB",
                        limit.rlim_cur >> 10);
        e.remedy = "raise it (ulimit -l, or LimitMEMLOCK= of the unit), or free some memory";
    } else if (code == EMFILE || code == ENFILE) {
        e.why = "too many open files";
        e.remedy = "raise ulimit -n (LimitNOFILE= of the unit)";
    }
    return e;
}

}  // namespace

result<> linux::ring_open(io_uring& ring, const ring_spec& spec) {
    // What a kernel does not know it refuses with EINVAL: ask for less then. DEFER_TASKRUN came
    // with 6.1, SINGLE_ISSUER with 6.0, COOP_TASKRUN with 5.19, SUBMIT_ALL with 5.18.
    const unsigned common = spec.wide_entries ? IORING_SETUP_SQE128 : 0U;
    const unsigned tells = spec.spins ? IORING_SETUP_TASKRUN_FLAG : 0U;
    const bool restricts = spec.uses != nullptr && rings_ == rings::restricted;
    const unsigned wanted[] = {
        common | IORING_SETUP_SUBMIT_ALL |
            (spec.single_issuer ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | tells
                                : IORING_SETUP_COOP_TASKRUN),
        common | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
        common,
    };
    int outcome = -EINVAL;
    for (unsigned flags : wanted) {
        io_uring_params params{};
        params.flags = flags | (restricts ? IORING_SETUP_R_DISABLED : 0U);
        outcome = io_uring_queue_init_params(spec.entries, &ring, &params);
        if (outcome != -EINVAL) break;
    }
    if (outcome < 0) return failure(ring_error(-outcome, *this));
    // Spares the kernel a look-up per enter; counts per thread, so only for rings of one thread.
    if (spec.single_issuer) io_uring_register_ring_fd(&ring);
    if (!restricts) return {};
    outcome = begin_restricted(ring, *spec.uses);
    if (outcome >= 0) return {};
    io_uring_queue_exit(&ring);
    return failure({.operation = "io_uring_register", .object = "a new ring", .code = -outcome});
}

void linux::ring_close(io_uring& ring) { io_uring_queue_exit(&ring); }

int linux::ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) {
    return io_uring_register(static_cast<unsigned>(ring.ring_fd), opcode, argument, count);
}

int linux::ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) {
    if (timeout_ns == no_timeout) {
        int outcome = io_uring_submit_and_wait(&ring, wait);
        return outcome < 0 ? outcome : 0;
    }
    __kernel_timespec limit{.tv_sec = static_cast<std::int64_t>(timeout_ns / 1'000'000'000),
                            .tv_nsec = static_cast<long long>(timeout_ns % 1'000'000'000)};
    io_uring_cqe* first = nullptr;
    int outcome = io_uring_submit_and_wait_timeout(&ring, &first, wait, &limit, nullptr);
    return outcome < 0 ? outcome : 0;
}

// On a machine with nothing else to run a yield costs little, and else it lets those run whose
// requests are looked for.
void linux::ring_spin(io_uring& ring, unsigned wait, std::uint64_t time_ns) {
    constexpr int looks = 32;
    constexpr unsigned news = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    const std::uint64_t until = now_ns() + time_ns;
    do {
        for (int look = 0; look < looks; ++look) {
            const unsigned flags = std::atomic_ref(*ring.sq.kflags).load(std::memory_order_acquire);
            if ((flags & news) != 0 || io_uring_cq_ready(&ring) >= wait) return;
        }
        ::sched_yield();
    } while (now_ns() < until);
}

}  // namespace ashlar::os
