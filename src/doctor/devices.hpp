// SPDX-License-Identifier: MIT
// The ublk devices of a machine: their servers, their requests, and what is wrong with them.
#pragma once

#include "doctor/finding.hpp"
#include "doctor/processes.hpp"
#include "doctor/scene.hpp"

namespace ashlar::doctor {

struct device_view {
    std::uint32_t id = 0;
    std::optional<uapi::ctrl_dev_info> info;  // nothing where it could not be asked
    int server = 0;                           // a process that has ublkcN open, or had; 0: unknown
    bool server_alive = false;
    bool of_ashlar = false;  // it has a record
    // Of a server that is gone, seconds of the epoch: it lived then, and was dead then; 0: unknown.
    std::int64_t lived_at = 0, dead_by = 0;
    bool disk = false;
    // Requests that the disk has and were not answered; `stuck`: none was, for all of the look.
    std::uint64_t under_way = 0, answered = 0;
    bool stuck = false;

    [[nodiscard]] uapi::device_state state() const;
};

inline constexpr std::uint64_t look_ns = 1'000'000'000;

std::vector<std::uint32_t> device_ids(const files& fs);
device_view look_at_device(const scene& s, const std::vector<process_view>& processes,
                           std::uint32_t id);
// All of them. Where one has requests under way, it is looked at again after a second.
std::vector<device_view> all_devices(const scene& s, const std::vector<process_view>& processes);

// A leftover that can be removed without harm: its server is gone, it was made by ashlar, and
// nobody holds anything of it.
bool is_leftover(const device_view& d, const std::vector<process_view>& processes);

std::vector<finding> device_findings(const std::vector<device_view>& devices,
                                     const std::vector<process_view>& processes);

// Since when a server is gone, as far as anything tells: "; it ended after 2026-11-22 10:00:00".
std::string death_text(const device_view& d);
// "server (pid 7, ashlar) is stopped by a signal"
std::string server_text(const device_view& d, const std::vector<process_view>& processes);
const process_view* process_of(const std::vector<process_view>& processes, int pid);

}  // namespace ashlar::doctor
