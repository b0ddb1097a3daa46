// SPDX-License-Identifier: MIT
#include "cli/confine.hpp"

#include "os/ring.hpp"
#include "queue/ring_uses.hpp"
#include "support/run_directory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ashlar;
using namespace ashlar::cli;

namespace {

bool has(const std::vector<std::string>& all, const char* what) {
    return std::ranges::any_of(all, [=](auto& one) { return one.find(what) == 0; });
}

bool is_denied(long outcome, int code) { return outcome == -1 && errno == code; }

// What comes of an operation on a ring of the machine, for the data plane or for anything.
int outcome_of(os::ring& r, std::uint8_t operation) {
    io_uring_sqe* entry = r.prepare();
    if (entry == nullptr) return -EBUSY;
    entry->opcode = operation;
    entry->fd = -1;
    if (r.enter(1, os::no_timeout) < 0) return -EBUSY;
    int outcome = 0;
    r.take([&](std::uint64_t, int res, unsigned) { outcome = res; });
    return outcome;
}

int look_at_rings(const std::vector<std::string>& in_force) {
    os::machine& m = os::linux_machine();
    auto plane = os::ring::open(m, {.single_issuer = true, .uses = &queue::ring_uses});
    // Where rings are forbidden altogether.
    if (!plane) return 0;
    if (!has(in_force, "restricted rings")) return 14;
    if (outcome_of(**plane, IORING_OP_FSYNC) != -EBADF) return 15;
    if (outcome_of(**plane, IORING_OP_OPENAT) != -EACCES) return 16;
    if (outcome_of(**plane, IORING_OP_NOP) != -EACCES) return 17;
    if (m.ring_register((*plane)->raw(), IORING_REGISTER_EVENTFD, nullptr, 1) != -EACCES) return 18;
    int files[] = {0};
    if (m.ring_register((*plane)->raw(), IORING_REGISTER_FILES, files, 1) != 0) return 19;
    // Of another ring it depends on the kernel.
    const bool any = has(in_force, "restricted rings, new ones too");
    auto other = os::ring::open(m, {});
    if (!other) return 20;
    return outcome_of(**other, IORING_OP_NOP) == (any ? -EACCES : 0) ? 0 : 21;
}

// What a confined process finds, as an exit code: 0, all is as it should be.
int look_around(const std::string& own) {
    const int file = ::open((own + "/file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int memory = ::memfd_create("memory", MFD_CLOEXEC);
    const int other_file = ::creat((own + "/other").c_str(), 0600);
    if (file < 0 || memory < 0 || other_file < 0) return 1;
    ::close(other_file);
    int outcome = 0;
    std::atomic<bool> confined = false;
    confine_rings();
    // A thread that is there already is filtered, too.
    std::thread other([&] {
        while (!confined) std::this_thread::yield();
        outcome = is_denied(::syscall(SYS_unshare, 0), EPERM) ? 0 : 2;
    });
    const auto in_force = confine_process({own});
    confined = true;
    other.join();
    if (!has(in_force, "no new privileges") || ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
        return 3;
    }
    if (!has(in_force, "system calls filtered")) return 77;
    if (outcome != 0) return outcome;
    const char* words[] = {"/bin/true", nullptr};
    if (!is_denied(::execv(words[0], const_cast<char**>(words)), EPERM)) return 4;
    if (!is_denied(::fork(), EPERM)) return 5;
    if (!is_denied(::mount("none", "/nowhere", "tmpfs", 0, nullptr), EPERM)) return 6;
    if (!is_denied(::syscall(SYS_bpf, 0, nullptr, 0), EPERM)) return 7;
    std::thread([] {}).join();
    if (::write(file, "x", 1) != 1 || ::ftruncate(memory, 4096) != 0) return 8;
    // Files: its own, and to be read, those of its place.
    const bool limited = has(in_force, "no files but its own");
    if (::open((own + "/file").c_str(), O_RDWR | O_CLOEXEC) < 0) return 9;
    if (::open((own + "/other").c_str(), O_RDONLY | O_CLOEXEC) < 0) return 10;
    if (limited != is_denied(::open((own + "/other").c_str(), O_RDWR | O_CLOEXEC), EACCES)) {
        return 11;
    }
    if (limited != is_denied(::creat((own + "/new").c_str(), 0600), EACCES)) return 22;
    if (limited != is_denied(::unlink((own + "/other").c_str()), EACCES)) return 23;
    if (::open("/proc/meminfo", O_RDONLY | O_CLOEXEC) < 0) return 12;
    const bool sees_others = ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
    if (sees_others == limited) return 13;
    return look_at_rings(in_force);
}

}  // namespace

TEST_CASE("a confined process starts no programs, opens no files but its own, has rings for "
          "a server's work alone, and goes on") {
    const test::run_directory own;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(look_around(own.path()));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    // In containers there may be no filter to be had.
    if (WEXITSTATUS(status) == 77) return;
    CHECK(WEXITSTATUS(status) == 0);
}
