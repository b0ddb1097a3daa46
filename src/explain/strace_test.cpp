// SPDX-License-Identifier: MIT
// Lines as strace 6.1 wrote them on a real kernel, with its various options.
#include "explain/explain.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>

using namespace ashlar;
using namespace ashlar::explain;

namespace {

explanation on_6_12(std::string_view log) {
    return text(log, {.kernel = rules::kernel_named("6.12")});
}
const finding* find(const explanation& e, std::string_view title) {
    const auto f = std::ranges::find_if(
        e.findings, [&](const finding& one) { return one.title.find(title) != std::string::npos; });
    return f == e.findings.end() ? nullptr : &*f;
}

std::string in_hex(std::string_view text) {
    std::string out;
    for (char c : text) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    return out;
}

constexpr std::string_view control = "openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR) = 3\n";
constexpr std::string_view wide_ring =
    "371   io_uring_setup(8, {flags=IORING_SETUP_SUBMIT_ALL|IORING_SETUP_SQE128, "
    "sq_thread_cpu=0, sq_entries=8}) = 6\n";

}  // namespace

TEST_CASE("strace: pids, times, call numbers, addresses and decoded descriptors before a call") {
    struct form {
        std::string_view front, opened, fd, back;
    };
    const form forms[] = {
        {"", "5", "5", ""},                                                // -ff
        {"[pid   297] ", "5", "5", ""},                                    // -f to a terminal
        {"267   16:27:18.462338 ", "5", "5", " <0.000555>"},               // -tt -T
        {"291   1795364846.518180 [ 257] ", "5", "5", ""},                 // -ttt -n
        {"303   [00007f331dea9011] ", "5", "5", ""},                       // -i
        {"279        0.000310 ", "5</dev/ublkc0>", "5</dev/ublkc0>", ""},  // -y -r
        {"297<riddle_calls> ", "5</dev/ublkc0<char 243:0>>", "5</dev/ublkc0<char 243:0>>",
         " <0.000412>"},  // -Y -yy -T
    };
    for (const form& f : forms) {
        CAPTURE(f.front);
        const auto e = on_6_12(fmt::format(
            "{0}openat(AT_FDCWD, \"/dev/ublkc0\", O_RDWR|O_CLOEXEC) = {1}{3}\n"
            "{0}mmap(NULL, 1024, PROT_READ|PROT_WRITE, MAP_SHARED, {2}, 0) = -1 EPERM (Operation "
            "not permitted){3}\n",
            f.front, f.opened, f.fd, f.back));
        REQUIRE(e.findings.size() == 1);
        CHECK(e.findings[0].title == "mmap of /dev/ublkc0 failed with EPERM");
        CHECK(e.findings[0].verdicts.at(0).sure == certainty::certain);
        CHECK(e.not_understood.empty());
    }
}

TEST_CASE("strace: paths in hex") {
    const auto e = on_6_12("285   openat(AT_FDCWD, \"" + in_hex("/dev/ublkc7") +
                           "\", O_RDWR) = -1 EBUSY (" + "Device or resource busy)\n");
    CHECK(find(e, "open of /dev/ublkc7 failed with EBUSY") != nullptr);
    CHECK(e.not_understood.empty());
}

TEST_CASE("strace: what other calls answer is nobody's failure, and a fixed mapping no report") {
    const auto e = on_6_12(
        "273   openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR|O_CLOEXEC) = 4\n"
        "273   readlink(\"/usr/bin/python3.11\", 0x7ffed9e3e750, 4096) = -1 EINVAL (Invalid "
        "argument)\n"
        "273   mmap(0x7f0000000000, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED, 3, 0) = "
        "0x7f0000000000\n"
        "273   ioctl(1, TCGETS, 0x7ffda387b910) = -1 ENOTTY (Inappropriate ioctl for device)\n");
    REQUIRE(e.findings.size() == 1);
    CHECK(e.findings[0].title == "no system call of ublk failed");
    CHECK(e.not_understood.empty());
}

TEST_CASE("strace: a missing control file is told once") {
    const auto e = on_6_12("271   openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR|O_CLOEXEC) = -1 "
                           "ENOENT (No such file or directory)\n");
    REQUIRE(e.findings.size() == 1);
    CHECK(e.findings[0].verdicts.at(0).id == "no-driver");
}

TEST_CASE(
    "strace: a thread that waits for requests is no failure, one that waits for a command is") {
    const std::string server =
        std::string(control) + std::string(wide_ring) +
        "377   io_uring_setup(256, {flags=IORING_SETUP_SUBMIT_ALL|0x3000, sq_entries=256}) = 10\n"
        "377   mmap(NULL, 8192, PROT_READ, MAP_SHARED, 5</dev/ublkc0>, 0) = 0x7f0000002000\n"
        "377   io_uring_enter(0, 1, 1, IORING_ENTER_GETEVENTS|IORING_ENTER_REGISTERED_RING, NULL, "
        "8 <unfinished ...>\n";
    CHECK(find(on_6_12(server), "does not come back") == nullptr);
    const auto waits =
        on_6_12(server +
                "371   io_uring_enter(6, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8 <unfinished ...>\n");
    const finding* f = find(waits, "does not come back");
    REQUIRE(f != nullptr);
    CHECK(f->lines == std::vector<std::size_t>{6});
    CHECK(f->verdicts.at(0).id == "START-4");
}

TEST_CASE("strace: a flag that an old strace prints in hex counts") {
    const std::string use = "io_uring_enter(4, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1\n";
    CHECK(find(on_6_12(std::string(control) +
                       "io_uring_setup(8, {flags=0x400, sq_entries=8}) = 4\n" + use),
               "128-byte") == nullptr);
    CHECK(find(on_6_12(std::string(control) +
                       "io_uring_setup(8, {flags=0x100, sq_entries=8}) = 4\n" + use),
               "128-byte") != nullptr);
}

TEST_CASE("strace: a function of a program that has a command's name is no system call") {
    const auto e = on_6_12("ublk_ctrl_add_dev(id 0) = -22\n");
    CHECK(find(e, "ADD_DEV failed with EINVAL") != nullptr);
}

TEST_CASE("strace: mprotect of what may be the descriptors") {
    const std::string call =
        "mprotect(0x7f3000000000, 4096, PROT_READ|PROT_WRITE) = -1 EACCES (…)\n";
    const auto e = on_6_12("of a ublk server:\n" + call);
    const finding* f = find(e, "mprotect of the descriptors failed");
    REQUIRE(f != nullptr);
    CHECK(f->verdicts.at(0).sure == certainty::possible);
    CHECK(find(on_6_12(call), "mprotect") == nullptr);
    CHECK(find(on_6_12("of a ublk server:\nmmap(NULL, 4096, PROT_READ, MAP_SHARED, 9, 0) = "
                       "0x7f3000000000\n" +
                       call),
               "mprotect") == nullptr);
}
