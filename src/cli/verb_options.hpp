// SPDX-License-Identifier: MIT
// The options of verbs, as tables. For the table of verbs alone.
#pragma once

#include <ashlar/option.hpp>

#include <algorithm>
#include <array>

namespace ashlar::cli {

inline constexpr option json_option = {
    .name = "json", .kind = value_kind::flag, .help = "print JSON, for programs"};

// Of every verb that makes a device.
inline constexpr option device_options[] = {
    {.name = "queues",
     .kind = value_kind::number,
     .argument = "N",
     .help = "hardware queues, each with a thread of the server; the kernel makes no more than it "
             "has CPUs",
     .otherwise = "1",
     .low = 1,
     .high = 4096},
    {.name = "threads-per-queue",
     .kind = value_kind::number,
     .argument = "N",
     .help = "so many threads share the requests of a queue, which is then served by more than one "
             "processor; more than one: Linux 6.16, and not with batches",
     .otherwise = "1",
     .low = 1,
     .high = 64},
    {.name = "spin",
     .kind = value_kind::number,
     .argument = "MICROSECONDS",
     .help =
         "while requests come densely, look for the next ones for so long before sleeping: less "
         "latency for a processor that is never idle",
     .otherwise = "0",
     .low = 0,
     .high = 10'000},
    {.name = "depth",
     .kind = value_kind::number,
     .argument = "N",
     .help = "requests that a queue holds at a time",
     .otherwise = "128",
     .low = 1,
     .high = 4096},
    {.name = "block-size",
     .kind = value_kind::size,
     .argument = "BYTES",
     .help = "logical block: 512, 1K, 2K or 4K",
     .otherwise = "512"},
    {.name = "max-io",
     .kind = value_kind::size,
     .argument = "SIZE",
     .help = "largest request, 4K to 32M, in whole pages",
     .otherwise = "512K"},
    {.name = "read-only", .kind = value_kind::flag, .help = "refuse writes"},
    {.name = "id",
     .kind = value_kind::number,
     .argument = "N",
     .help = "the N of /dev/ublkbN",
     .otherwise = "the lowest free one",
     .low = 0,
     .high = (1 << 20) - 1},
    {.name = "name",
     .kind = value_kind::word,
     .argument = "NAME",
     .help = "a name for show and del, and for the link /dev/ashlar/NAME that udev's rules make"},
    {.name = "recovery",
     .kind = value_kind::choice,
     .argument = "MODE",
     .help = "what I/O does when the server dies: fail, and the device ends; wait for another "
             "server, but what the dead one had fails; reissue: all waits, and what the dead one "
             "had is made again; fail-away: fail until it is served again (Linux 6.13)",
     .choices = "fail|wait|reissue|fail-away",
     .otherwise = "of run, fail; of add, reissue where the target can, else wait; fail for a "
                  "target whose contents end with the server"},
    {.name = "unfenced",
     .kind = value_kind::flag,
     .help = "reissue though nothing keeps a dead server's writes from landing later, over newer "
             "ones"},
    {.name = "lane",
     .kind = value_kind::choice,
     .argument = "LANE",
     .help =
         "the way of the data: plain copy, user copy (Linux 6.5), zero copy (6.16; manual, with "
         "commands for each request: 6.15), in place (the kernel copies from and to the "
         "target's memory), or memory that clients share with the server (7.1); auto takes "
         "the one with the fewest copies, and show tells which and why",
     .choices = "auto|plain|user-copy|zero-copy|zero-copy-manual|in-place|shared-memory",
     .otherwise = "auto"},
    {.name = "delivery",
     .kind = value_kind::choice,
     .argument = "WAY",
     .help =
         "how requests come: a command for each tag, or for all in a batch (Linux 7.0); auto is "
         "batch, but not with --recovery wait, where a hand-over would fail requests",
     .choices = "auto|tag|batch",
     .otherwise = "auto"},
    {.name = "unprivileged",
     .kind = value_kind::flag,
     .help = "a device of the calling user's own, for who is not root: only this user may use it; "
             "without recovery, user copy and zero copy (Linux 6.3, and udev's permissions)"},
    {.name = "no-lock",
     .kind = value_kind::flag,
     .help = "let the server's memory be swapped out; not for a machine that swaps on the device"},
};

template <class A, class B>
inline constexpr auto joined(const A& a, const B& b) {
    std::array<option, std::size(A{}) + std::size(B{})> all{};
    std::ranges::copy(b, std::ranges::copy(a, all.begin()).out);
    return all;
}

inline constexpr option steps_option[] = {
    {.name = "steps",
     .kind = value_kind::flag,
     .help = "tell the eight steps of the device's start on standard error, as they happen"},
};
inline constexpr option twin_option = {
    .name = "kernel",
    .kind = value_kind::word,
    .argument = "twin:VERSION",
    .help = "do it on a Linux in memory, without root: 6.1, 6.5, 6.8, 6.12, 6.18, 7.0 or 7.3",
    .otherwise = "this machine's"};
inline constexpr option twin_options[] = {
    twin_option,
    {.name = "seed",
     .kind = value_kind::number,
     .argument = "N",
     .help = "of a kernel in memory: the same number gives the same run",
     .otherwise = "1",
     .low = 0,
     .high = ~std::uint64_t{0}},
};
inline constexpr option show_options[] = {json_option};
inline constexpr option stats_options[] = {
    json_option,
    {.name = "watch",
     .kind = value_kind::flag,
     .help = "print what was done in each second, until the device ends or Ctrl-C"}};
inline constexpr option features_options[] = {json_option, twin_option};
inline constexpr auto run_options = joined(joined(device_options, steps_option), twin_options);
inline constexpr option supervise_option[] = {
    {.name = "supervise",
     .kind = value_kind::flag,
     .help = "leave a keeper behind, too: it holds what must outlive the server (a RAM disk's "
             "memory), and starts another server when one dies"}};
inline constexpr auto add_options = joined(joined(device_options, supervise_option), show_options);
inline constexpr option apply_options[] = {
    {.name = "dry-run", .kind = value_kind::flag, .help = "only say what would be done"},
    {.name = "replace",
     .kind = value_kind::flag,
     .help = "remove devices that the file wants otherwise than they are, and make them anew; a "
             "RAM disk comes back empty"},
    {.name = "prune",
     .kind = value_kind::flag,
     .help = "remove devices that this file has asked for and asks for no more"},
};
inline constexpr option serve_options[] = {
    {.name = "one-process",
     .kind = value_kind::flag,
     .help = "serve all devices in this process, with threads that they share: a few KiB for an "
             "idle device; if it dies, all of them wait for the next one"},
    {.name = "threads",
     .kind = value_kind::number,
     .argument = "N",
     .help = "of --one-process",
     .otherwise = "one for each processor",
     .low = 1,
     .high = 1024},
};
inline constexpr option doctor_options[] = {
    json_option,
    {.name = "no-trial", .kind = value_kind::flag, .help = "only look; make no device"},
    {.name = "fix",
     .kind = value_kind::flag,
     .help = "first mend what is safe to mend, after showing it"},
    {.name = "yes", .kind = value_kind::flag, .help = "with --fix: do not ask"},
};
inline constexpr option why_options[] = {
    json_option,
    {.name = "pid",
     .kind = value_kind::flag,
     .help = "the number is that of a process, though there is a device of it"},
};
inline constexpr option explain_options[] = {
    {.name = "kernel",
     .kind = value_kind::word,
     .argument = "VERSION",
     .help = "judge by the rules of this Linux, 6.0 or newer",
     .otherwise = "the one that the text names, or this machine's"},
    {.name = "as",
     .kind = value_kind::choice,
     .argument = "FORM",
     .help = "what the bytes are, where it can't be seen from them",
     .choices = "entry|header|info|params|io|descriptor|batch|buffer"},
    {.name = "when",
     .kind = value_kind::choice,
     .argument = "WHEN",
     .help = "when the call came back",
     .choices = "immediately|late|never"},
    {.name = "all", .kind = value_kind::flag, .help = "show every field and every candidate"},
    json_option,
};
inline constexpr option recover_options[] = {
    json_option,
    {.name = "all", .kind = value_kind::flag, .help = "bring back all devices of ashlar"},
    {.name = "unfenced",
     .kind = value_kind::flag,
     .help = "make requests again though nothing keeps a dead server's writes from landing later"},
};
inline constexpr option upgrade_options[] = {
    json_option,
    {.name = "all", .kind = value_kind::flag, .help = "upgrade all devices of ashlar"},
    {.name = "force",
     .kind = value_kind::flag,
     .help = "also where requests that are under way fail"},
};
inline constexpr option resize_options[] = {
    {.name = "shrink",
     .kind = value_kind::flag,
     .help = "let the disk become smaller: what is behind its new end is lost"},
    json_option,
};
inline constexpr option del_options[] = {
    json_option,
    {.name = "all", .kind = value_kind::flag, .help = "remove every ublk device of this machine"},
    {.name = "dead",
     .kind = value_kind::flag,
     .help = "remove the devices whose server is gone, of whatever program, and print them"},
    {.name = "force",
     .kind = value_kind::flag,
     .help = "remove a disk in use, too: what uses it gets I/O errors. A server of ashlar that "
             "does not answer in time is killed"},
    {.name = "timeout",
     .kind = value_kind::number,
     .argument = "SECONDS",
     .help = "how long the kernel may take for a device",
     .otherwise = "60",
     .low = 1,
     .high = 3600},
};

}  // namespace ashlar::cli
