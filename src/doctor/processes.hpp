// SPDX-License-Identifier: MIT
// Processes, as far as they have to do with ublk: what they hold, and what their threads wait for.
#pragma once

#include "doctor/files.hpp"

#include <cstdint>

namespace ashlar::doctor {

// What a process has of a device.
struct hold {
    enum class kind : std::uint8_t { character, mapping, disk, mount };
    kind what;
    std::uint32_t id = 0;
    bool deleted = false;      // the node is gone: the device has been deleted, or stopped
    std::string where = {};    // "fd 7", "mounted at /mnt"
    std::uint64_t offset = 0;  // of a mapping: which queue's descriptors it shows
    bool operator==(const hold&) const = default;
};

// A command to the driver in which a thread waits.
struct wait {
    int thread = 0;
    std::string command;  // "START_DEV"; "I/O" for a disk's
    bool operator==(const wait&) const = default;
};

// A ring, with the number of commands that were taken from it and not answered.
struct ring_view {
    int fd = 0;
    std::uint64_t under_way = 0;
};

struct process_view {
    int pid = 0;
    std::string program;
    char state = '?';          // as ps has it: S sleeps, D waits and can't be killed, T is stopped
    std::int64_t started = 0;  // seconds of the epoch; 0: unknown
    bool control_open = false;
    bool maps_unreadable = false;  // its memory's lock is held
    std::vector<hold> holds;
    std::vector<wait> waits;
    std::vector<ring_view> rings;

    [[nodiscard]] bool has(hold::kind what, std::uint32_t id) const;
    [[nodiscard]] bool waits_in(std::string_view command) const;
};

// "stopped", "sleeping", …
std::string_view state_text(char state);

process_view look_at_process(const files& fs, int pid);
// All but those that have nothing to do with ublk.
std::vector<process_view> ublk_processes(const files& fs);
bool is_alive(const files& fs, int pid);  // a zombie is not

}  // namespace ashlar::doctor
