// SPDX-License-Identifier: MIT
// The riddles of two bug reports, from lines of theirs, shortened (docs/riddles.md tells them), and
// the same faults in other people's words.
#include "explain/explain.hpp"
#include "explain/print.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

using namespace ashlar;
using namespace ashlar::explain;

namespace {

const finding* find(const explanation& e, std::string_view title) {
    const auto f = std::ranges::find_if(
        e.findings, [&](const finding& one) { return one.title.find(title) != std::string::npos; });
    return f == e.findings.end() ? nullptr : &*f;
}

// The place of a rule among a finding's verdicts, from 1; 0 if it is not there.
int place(const explanation& e, std::string_view title, std::string_view rule) {
    const finding* f = find(e, title);
    if (f == nullptr) return 0;
    const auto v = std::ranges::find(f->verdicts, rule, &verdict::id);
    return v == f->verdicts.end() ? 0 : static_cast<int>(v - f->verdicts.begin()) + 1;
}

constexpr std::string_view report_a =
    "*** DEBUG: Device info buffer (64 bytes): 010020000000000000001000ffffffffca2600"
    "00000000000000000000000000400000000000000000000000000000000000000000000000000000"
    "0000000000\n"
    "*** CRITICAL: SubmitCtrlCmd called cmd=4 dev_id=4294967295\n"
    "URING_CMD completed result=-22 error=\"operation failed with result: -22\"\n"
    "ADD_DEV failed with error: -22\n"
    "Hex: ffffffffffff4000c0811101c000000040000000000000000000000000000000\n"
    "    opcode:      50,                    // IORING_OP_URING_CMD\n"
    "    flags:       0,                     // No special flags\n"
    "    addr:        0xc0811101c0,          // Device info buffer\n"
    "- **VM Kernel**: Linux 6.14 (latest)\n";

constexpr std::string_view report_b =
    "**Original Issue**: START_DEV returning -EINVAL (-22) preventing device creation"
    ".\n"
    "**Environment**: Linux 6.11.0-24-generic, ublk_drv module loaded\n"
    "ADD_DEV result: 0 (SUCCESS)\n"
    "SET_PARAMS result: 0 (SUCCESS)\n"
    "5. mmap(fd=5, size=32*32, MAP_SHARED) -> EPERM\n"
    "\"./demo_null: can't start daemon: Cannot allocate memory\"\n"
    "- Opcode 46 (URING_CMD) at correct position\n"
    "- mmap uses `PROT_READ` (matches `ublksrv` behaviour and avoids the EPERM we hit"
    " with `PROT_WRITE`).\n"
    "- `ADD_DEV` now returns device id **1** instead of 0. `/dev/ublkc0` already exis"
    "ts on the VM\n"
    "- Kernel-side nodes for id 1 never appear in `/dev/ublk*` during the wait loop\n"
    "- When the script aborts it prints `Cleaning up...` and then hangs. cleanup runs"
    " `sudo kill -SIGINT $UBLK_PID`.\n";

}  // namespace

TEST_CASE("riddles: ADD_DEV -EINVAL with opcode 50, and what comes behind it") {
    const auto e = text(report_a, {});
    CHECK(e.kernel == "6.14");
    CHECK(place(e, "ADD_DEV failed with EINVAL", "U-1") == 1);
    const finding* f = find(e, "ADD_DEV failed");
    REQUIRE(f != nullptr);
    CHECK(f->verdicts[0].sure == certainty::certain);
    CHECK(f->verdicts[0].value.find("WAITID") != std::string::npos);
    CHECK(place(e, "ADD_DEV failed with EINVAL", "ADD-1") == 2);
    CHECK(f->verdicts[1].behind);
    CHECK(place(e, "ADD_DEV failed with EINVAL", "D-3") == 3);
}

TEST_CASE("riddles: mmap, START_DEV, the id, the nodes, the hang and the errno that is none") {
    const auto e = text(report_b, {});
    CHECK(e.kernel == "6.11");
    CHECK(place(e, "mmap of /dev/ublkcN failed with EPERM", "MMAP-2") == 1);
    CHECK(place(e, "a mapping that PROT_READ mended", "MMAP-2") == 1);
    CHECK(place(e, "START_DEV failed with EINVAL", "START-1") == 1);
    CHECK(place(e, "START_DEV failed with EINVAL", "START-2") == 0);
    CHECK(place(e, "the id of a new device", "leftover") == 1);
    CHECK(place(e, "nodes of the device", "DEL-3") == 1);
    CHECK(place(e, "the program does not end", "DEL-3") <= 2);
    CHECK(place(e, "the program does not end", "signal") == 2);
    CHECK(place(e, "errno that the program made up", "own-errno") == 1);
    CHECK(find(e, "ENOMEM") == nullptr);
}

TEST_CASE("riddles: the same faults in other words") {
    const auto opcode = text("ublk: sending UBLK_U_CMD_ADD_DEV, sqe->opcode = 51\n"
                             "cqe->res = -22\n"
                             "ublk add_dev: Invalid argument\n",
                             {.kernel = rules::kernel_named("6.8")});
    CHECK(place(opcode, "ADD_DEV failed with EINVAL", "U-1") == 1);

    const auto pid = text("ublkctl: set_params returned 0\nublkctl: start_dev(id 3): EINVAL\n",
                          {.kernel = rules::kernel_named("6.12")});
    CHECK(place(pid, "START_DEV failed with EINVAL", "START-1") == 1);

    const auto hang = text("ublk device: START_DEV never returns, no completion at all\n",
                           {.kernel = rules::kernel_named("6.12")});
    CHECK(place(hang, "START_DEV does not come back", "START-4") == 1);

    const auto stack = text("INFO: task ublk:4711 blocked for more than 120 seconds.\n"
                            "[<0>] ublk_ctrl_del_dev+0x15c/0x230 [ublk_drv]\n",
                            {});
    CHECK(place(stack, "a task waits in DEL_DEV", "DEL-3") == 1);

    const auto traced = text(
        "srv-9 [001] 12.5: io_uring_req_failed: ring 0x1, req 0x2, opcode WAITID, error -22\n", {});
    CHECK(place(traced, "failed with EINVAL", "U-1") == 1);
}

TEST_CASE("riddles: symptoms in the words of other people") {
    auto on_6_12 = [](std::string_view line) {
        return text(line, {.kernel = rules::kernel_named("6.12")});
    };
    CHECK(place(on_6_12("ublk ADD_DEV gave us dev_id 3 although we expected 0"), "the id",
                "leftover") == 1);
    CHECK(place(on_6_12("/dev/ublkb0 was never created after start"), "the disk", "START-4") == 1);
    CHECK(place(on_6_12("my ublk daemon is stuck after Ctrl-C"), "does not end", "DEL-3") == 1);
    CHECK(place(on_6_12("ublk del_dev blocks forever"), "DEL_DEV does not", "DEL-3") == 1);
    CHECK(place(on_6_12("FETCH_REQ completes with -ENODEV"), "FETCH_REQ", "end-of-round") == 1);
    CHECK(place(on_6_12("ublk: SET_PARAMS => errno 13"), "SET_PARAMS failed with EACCES",
                "SET-5") == 1);
    CHECK(place(on_6_12("add_dev returns -95, raw opcode"), "EOPNOTSUPP", "D-3") == 1);
}

TEST_CASE("riddles: a log of something else is not explained") {
    const auto e = text("nginx: open() \"/x\" failed (2: No such file or directory)\n"
                        "worker 12 hangs, kill it\nmmap failed: Operation not permitted\n"
                        "d41d8cd98f00b204e9800998ecf8427e  empty\n",
                        {});
    CHECK(!e.explained());
}

TEST_CASE("riddles: the driver's log decides") {
    const auto e = text(
        "ADD_DEV failed: EINVAL\n[   12.3] ublk_drv: ublk_ctrl_add_dev: dev id not match 3 4\n",
        {.kernel = rules::kernel_named("6.12")});
    CHECK(place(e, "ADD_DEV failed with EINVAL", "ADD-12") == 1);
}

TEST_CASE("strace: what failed, with its line, also where it was interrupted") {
    const auto e = text(
        "openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR) = 3\n"
        "io_uring_setup(32, {flags=IORING_SETUP_SQE128, sq_entries=32}) = 4\n"
        "[pid   77] openat(AT_FDCWD, \"/dev/ublkc2\", O_RDWR <unfinished ...>\n"
        "[pid   78] close(9) = 0\n"
        "[pid   77] <... openat resumed>) = 5\n"
        "[pid   77] mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 5, 0) = -1 EPERM (Operation "
        "not permitted)\n"
        "ioctl(3, 0xc0207504, 0x7ffd) = -1 EOPNOTSUPP (Operation not supported)\n",
        {.kernel = rules::kernel_named("6.12")});
    const finding* f = find(e, "mmap of /dev/ublkc2 failed");
    REQUIRE(f != nullptr);
    CHECK(f->lines == std::vector<std::size_t>{6});
    CHECK(f->verdicts.at(0).id == "MMAP-2");
    CHECK(f->verdicts[0].sure == certainty::certain);
    CHECK(place(e, "ioctl of /dev/ublk-control", "no-ioctl") == 1);
    CHECK(find(e, "128-byte") == nullptr);

    const auto narrow = text("openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR) = 3\n"
                             "io_uring_setup(32, {flags=0, sq_entries=32}) = 4\n"
                             "io_uring_enter(4, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) = 1\n",
                             {.kernel = rules::kernel_named("6.12")});
    CHECK(place(narrow, "no ring has 128-byte entries", "D-2") == 1);

    const auto missing =
        text("openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR) = -1 ENOENT (No such file)\n", {});
    CHECK(place(missing, "open of /dev/ublk-control", "no-driver") == 1);
}

TEST_CASE("strace: a trace that ends in a wait tells the mapping that was not given back") {
    const auto e =
        text("openat(AT_FDCWD, \"/dev/ublk-control\", O_RDWR) = 3\n"
             "io_uring_setup(32, {flags=IORING_SETUP_SQE128}) = 4\n"
             "openat(AT_FDCWD, \"/dev/ublkc0\", O_RDWR) = 5\n"
             "mmap(NULL, 4096, PROT_READ, MAP_SHARED, 5, 0) = 0x7f0000001000\n"
             "close(5) = 0\n"
             "io_uring_enter(4, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8 <unfinished ...>\n",
             {.kernel = rules::kernel_named("6.11")});
    const finding* f = find(e, "io_uring_enter does not come back");
    REQUIRE(f != nullptr);
    CHECK(f->verdicts[0].id == "DEL-3");
    CHECK(f->verdicts[0].value.find("line 4") != std::string::npos);
}
