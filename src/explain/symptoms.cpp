// SPDX-License-Identifier: MIT
#include "explain/symptoms.hpp"

#include "explain/document.hpp"

#include <algorithm>

namespace ashlar::explain {

namespace {

using words = std::initializer_list<std::string_view>;

bool has(std::string_view low, words any) {
    return std::ranges::any_of(
        any, [&](std::string_view w) { return low.find(w) != std::string_view::npos; });
}

struct cause {
    std::string_view id;
    certainty sure;
    std::string_view means, mend, look;
};

struct symptom {
    std::string_view title;
    bool (*shows)(std::string_view low);
    std::span<const cause> causes;
};

using enum certainty;

constexpr std::string_view drop_holders =
    "munmap the descriptors and close /dev/ublkcN before DEL_DEV (or use DEL_DEV_ASYNC, 6.9), and "
    "mend whatever made the program give up before";
constexpr std::string_view see_holders =
    "/proc/PID/maps has ublkcN (deleted); /proc/PID/task/*/stack has ublk_ctrl_del_dev";

constexpr cause no_nodes[] = {
    {"DEL-3", likely,
     "ADD_DEV makes /dev/ublkcN before it completes, and DEL_DEV takes it away at once: a process "
     "that is alive while its node is gone sits in its own DEL_DEV, which waits for the last "
     "holder of the device; a mapping or a descriptor that the process itself did not give back "
     "is one",
     drop_holders, see_holders},
    {"START-4", possible,
     "START_DEV waits for the fetches of all tags; but then /dev/ublkcN is there, and only "
     "/dev/ublkbN is not",
     "fetch every tag of every queue from another thread than the one that waits",
     "ls /dev/ublkc*: is there a node of this id?"},
    {"node", possible,
     "The kernel made the device, but nobody made its node: no devtmpfs, no udev, or another "
     "mount namespace (a container's /dev)",
     "mount devtmpfs on /dev, or look for the node outside of the container",
     "ls /sys/class/ublk-char /sys/block"},
};
constexpr cause no_disk[] = {
    {"START-4", likely,
     "START_DEV makes /dev/ublkbN only when every tag of every queue has been fetched, and waits "
     "for that without a limit",
     "fetch every tag of every queue, as many as ADD_DEV gave back, from another thread",
     "/proc/PID/task/*/stack has ublk_ctrl_start_dev"},
    {"START", possible, "START_DEV was refused, or never sent", "look at its completion",
     "is there a completion of START_DEV, and with which result?"},
};
constexpr cause leftover[] = {
    {"leftover", certain,
     "ADD_DEV with 0xffffffff gives the lowest free id, so every lower one is still registered: a "
     "device stays until DEL_DEV, also when its server has ended",
     "delete the old device (DEL_DEV; ashlar del N), and read the id that ADD_DEV gave from "
     "dev_info.dev_id instead of assuming 0",
     "ls /sys/class/ublk-char; GET_DEV_INFO shows state DEAD and pid -1 for a leftover"},
};
constexpr cause end_hangs[] = {
    {"DEL-3", likely,
     "The process that is waited for does not end, because it sits in DEL_DEV, which waits for "
     "the last holder of the device (a mapping or a descriptor, perhaps its own); up to 6.8 not "
     "even SIGKILL ends that",
     drop_holders, see_holders},
    {"signal", likely,
     "The signal does not reach the program: a background job of a shell without a terminal is "
     "started with SIGINT ignored, programs inherit that, and whoever waits for the process waits "
     "on. A password prompt of sudo is not it: without a terminal sudo fails at once",
     "send SIGTERM instead of SIGINT, and wait with a limit",
     "grep SigIgn /proc/PID/status: bit 1 is SIGINT"},
    {"STOP", possible,
     "STOP_DEV or the end of the server waits for requests that the server has in its hands",
     "answer or fail every request before stopping", "cat /sys/block/ublkbN/inflight"},
};
constexpr cause own_errno[] = {
    {"own-errno", certain,
     "The errno is made up by the program: ublksrv's programs report ENOMEM whenever their "
     "set-up of a device gives nothing, whatever the reason was. The kernel did not say it",
     "look at the program's own log (syslog) and trace it: usual reasons are a missing directory "
     "for its pid files (/run/ublksrvd, which a reboot empties), or /dev/ublkcN being open "
     "elsewhere (EBUSY)",
     "strace -f -e trace=openat,mmap,io_uring_setup shows which call failed first"},
};
constexpr cause no_driver[] = {
    {"no-driver", certain,
     "There is no /dev/ublk-control: the driver is not loaded, and opening its node never loads it",
     "modprobe ublk_drv; if there is no such module, the kernel was built without "
     "CONFIG_BLK_DEV_UBLK",
     "grep UBLK /boot/config-$(uname -r)"},
};
constexpr cause no_right[] = {
    {"no-right", certain, "The caller may not open /dev/ublk-control, which only root can",
     "run as root, or give the node to a group by a rule of udev", "ls -l /dev/ublk-control"},
};
constexpr cause no_ring[] = {
    {"no-io_uring", likely,
     "io_uring_setup is refused before ublk has any part in it: kernel.io_uring_disabled is 1 or "
     "2, or a container's seccomp filter forbids it",
     "sysctl kernel.io_uring_disabled=0, or allow io_uring for the container",
     "cat /proc/sys/kernel/io_uring_disabled"},
};
constexpr cause prot_read[] = {
    {"MMAP-2", possible,
     "That PROT_READ helped confirms it: only PROT_WRITE was the matter. The same rule refuses "
     "every other writable mapping of /dev/ublkcN; one for I/O buffers, as at 0x80000000, does "
     "not exist (that is where positions of pread and pwrite begin)",
     "allocate buffers as ordinary memory, and give their addresses in FETCH_REQ",
     "strace -e trace=mmap: is there another mmap of ublkcN, with PROT_WRITE?"},
};
constexpr cause oops[] = {
    {"kernel-bug", likely,
     "The driver itself failed. Known: 6.18.4 and 6.18.5 in ADD_DEV; UPDATE_SIZE without a disk "
     "before 6.18.20 and 7.0; a server killed while START_DEV makes the disk",
     "take a newer stable kernel", "the functions in the trace behind RIP"},
};

// A function of the driver on a waiting task's stack, and what it waits for.
constexpr cause in_del[] = {{"DEL-3", certain,
                             "The task is inside DEL_DEV and waits until nothing holds the device "
                             "any more",
                             drop_holders, "grep ublkcN /proc/*/maps; ls -l /proc/*/fd"}};
constexpr cause in_start[] = {{"START-4", certain,
                               "The task is inside START_DEV and waits until every tag of every "
                               "queue has been fetched, or for the disk's first reads",
                               "fetch every tag, and answer requests from another thread",
                               "count the FETCH_REQ commands that were accepted"}};
constexpr cause in_recovery[] = {{"EREC-1", certain,
                                  "The task is inside END_USER_RECOVERY and waits until every tag "
                                  "of every queue has been fetched",
                                  "fetch every tag", "count the FETCH_REQ commands"}};
constexpr cause in_stop[] = {{"STOP", certain,
                              "The task is stopping a device and waits for requests that its "
                              "server has in its hands",
                              "let the server answer them, or end the server",
                              "cat /sys/block/ublkbN/inflight"}};
constexpr cause in_add[] = {{"ADD-14", certain,
                             "The task is inside ADD_DEV and waits for another ADD_DEV or DEL_DEV",
                             "end the one that does not come back",
                             "grep -l ublk_ctrl_del_dev "
                             "/proc/*/task/*/stack"}};

bool in_stack(std::string_view low, std::string_view function) {
    const auto at = low.find(function);
    return at != std::string_view::npos && low.substr(at + function.size()).starts_with("+0x");
}
bool mentions_node(std::string_view low) {
    return has(low, {"/dev/ublk", "ublkb", "ublkc", "device node", "-side node"});
}
bool missing(std::string_view low) {
    return has(low, {"never appear", "not appear", "n't appear", "never showed up",
                     "never shows up", "never created", "not created", "is missing", "vanish"});
}
bool names_only_disk(std::string_view low) {
    return low.find("ublkb") != std::string_view::npos &&
           !has(low, {"ublkc", "/dev/ublk*", "node"});
}

constexpr symptom symptoms[] = {
    {"nodes of the device are missing",
     [](auto l) { return missing(l) && mentions_node(l) && !names_only_disk(l); }, no_nodes},
    {"the disk does not appear",
     [](auto l) { return missing(l) && mentions_node(l) && names_only_disk(l); }, no_disk},
    {"the id of a new device is not 0",
     [](auto l) {
         const bool other_id =
             has(l, {"device id", "dev id", "dev_id", "devid"}) &&
             has(l, {"instead of 0", "instead of `0`", "rather than 0", "expected 0"});
         const bool old_node = l.find("/dev/ublkc") != std::string_view::npos &&
                               has(l, {"already exist", "still exist", "still there", "stale"});
         return other_id || old_node;
     },
     leftover},
    {"the program does not end",
     [](auto l) {
         return has(l, {"hangs", "hung", " hang", "stuck", "never returns", "never exits",
                        "never ends"}) &&
                has(l, {"clean", "kill", "exit", "shut", "sigint", "sigterm", "ctrl-c", "wait "});
     },
     end_hangs},
    {"an errno that the program made up", [](auto l) { return has(l, {"can't start daemon"}); },
     own_errno},
    {"/dev/ublk-control is not there",
     [](auto l) {
         return l.find("ublk-control") != std::string_view::npos &&
                has(l, {"no such file", "enoent", "not found", "does not exist"});
     },
     no_driver},
    {"/dev/ublk-control can't be opened",
     [](auto l) {
         return l.find("ublk-control") != std::string_view::npos &&
                has(l, {"permission denied", "eacces", "not permitted"});
     },
     no_right},
    {"there is no ring",
     [](auto l) {
         return has(l, {"io_uring_setup", "io_uring_queue_init"}) &&
                has(l, {"not permitted", "eperm", "enosys"});
     },
     no_ring},
    {"a mapping that PROT_READ mended",
     [](auto l) {
         return l.find("mmap") != std::string_view::npos &&
                l.find("prot_read") != std::string_view::npos &&
                l.find("prot_write") != std::string_view::npos &&
                has(l, {"avoid", "fix", "instead", "uses", "change", "matches"});
     },
     prot_read},
    {"a bug of the kernel",
     [](auto l) {
         return has(l, {"rip: ", "pc : ", "kernel bug at", "null pointer"}) &&
                l.find("ublk_") != std::string_view::npos;
     },
     oops},
    {"a task waits in DEL_DEV", [](auto l) { return in_stack(l, "ublk_ctrl_del_dev"); }, in_del},
    {"a task waits in START_DEV", [](auto l) { return in_stack(l, "ublk_ctrl_start_dev"); },
     in_start},
    {"a task waits in END_USER_RECOVERY",
     [](auto l) { return in_stack(l, "ublk_ctrl_end_recovery"); }, in_recovery},
    {"a task waits in STOP_DEV",
     [](auto l) { return in_stack(l, "ublk_ctrl_stop_dev") || in_stack(l, "ublk_stop_dev"); },
     in_stop},
    {"a task waits in ADD_DEV", [](auto l) { return in_stack(l, "ublk_ctrl_add_dev"); }, in_add},
};

verdict verdict_of(const cause& c) {
    return {.id = std::string(c.id),
            .sure = c.sure,
            .means = std::string(c.means),
            .value = {},
            .mend = std::string(c.mend),
            .look = std::string(c.look)};
}

// Words without which no symptom shows: most lines have none of them.
bool may_show(std::string_view line) {
    return has(line, {"ublk", "hang", "hung", "never", "stuck", "appear", "io_uring_", "mmap",
                      "instead of", "daemon", "id"});
}

}  // namespace

bool is_programs_own(std::string_view line) {
    return line.find("can't start daemon") != std::string_view::npos;
}

std::vector<finding> symptoms_of(const document& d, const std::set<std::size_t>& calls) {
    std::vector<finding> found;
    std::vector<std::vector<std::size_t>> lines(std::size(symptoms));
    for (std::size_t i = 0; i < d.lines.size(); ++i) {
        if (!may_show(d.lines[i]) || calls.contains(i + 1)) continue;
        const std::string low = lowered(d.lines[i]);
        for (std::size_t s = 0; s < std::size(symptoms); ++s) {
            if (symptoms[s].shows(low)) lines[s].push_back(i + 1);
        }
    }
    for (std::size_t s = 0; s < std::size(symptoms); ++s) {
        if (lines[s].empty()) continue;
        finding f{.what = finding::kind::symptom,
                  .title = std::string(symptoms[s].title),
                  .lines = lines[s],
                  .fields = {},
                  .verdicts = {},
                  .notes = {}};
        for (const cause& c : symptoms[s].causes) f.verdicts.push_back(verdict_of(c));
        found.push_back(std::move(f));
    }
    return found;
}

}  // namespace ashlar::explain
