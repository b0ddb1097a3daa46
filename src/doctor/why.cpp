// SPDX-License-Identifier: MIT
#include "doctor/why.hpp"

#include "device/nodes.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ashlar::doctor {

namespace {

std::string who(const process_view& p) { return fmt::format("{} (pid {})", p.program, p.pid); }

// The queues whose descriptors somebody has mapped.
std::set<std::uint64_t> mapped_queues(const device_view& d, const process_view& server) {
    const std::uint64_t bytes =
        d.info->io_desc_size != 0 ? d.info->io_desc_size : uapi::io_desc_size_default;
    const std::uint64_t stride = uapi::descriptor_stride(bytes, static_cast<std::uint64_t>(4096));
    std::set<std::uint64_t> queues;
    for (const hold& h : server.holds) {
        if (h.what == hold::kind::mapping && h.id == d.id) queues.insert(h.offset / stride);
    }
    return queues;
}

std::string unmapped_text(const device_view& d, const std::set<std::uint64_t>& mapped) {
    std::string text;
    unsigned told = 0;
    for (unsigned q = 0; q < d.info->nr_hw_queues; ++q) {
        if (mapped.contains(q)) continue;
        if (++told > 8) return text + ", …";
        text += fmt::format("{}{}", text.empty() ? "" : ", ", q);
    }
    return text;
}

// Which fetches are missing, as far as the server's mappings and rings tell.
std::string missing_fetches(const device_view& d, const process_view* server) {
    const unsigned wanted = unsigned{d.info->nr_hw_queues} * d.info->queue_depth;
    const std::string all = fmt::format("{} queues of depth {}, which is {} FETCH_REQs",
                                        d.info->nr_hw_queues, d.info->queue_depth, wanted);
    if (server == nullptr)
        return all + "; no process has " + device_room::char_path(d.id) + " open";
    std::string text = fmt::format("{}; {} has it open", all, who(*server));
    const auto mapped = mapped_queues(d, *server);
    if (const std::string unmapped = unmapped_text(d, mapped); !unmapped.empty()) {
        text += fmt::format("; it has not mapped the descriptors of queue {}", unmapped);
    }
    if (server->rings.empty()) return text;
    std::uint64_t under_way = 0;
    for (const ring_view& r : server->rings) under_way += r.under_way;
    // The START_DEV itself is one of them, if the server is who sent it.
    under_way -= std::min<std::uint64_t>(under_way, server->waits.size());
    text += fmt::format("; its rings have {} other commands under way", under_way);
    if (under_way < wanted) text += fmt::format(", so {} or more are missing", wanted - under_way);
    return text;
}

reason start_waits(const device_view& d, const std::vector<process_view>& processes,
                   const std::string& caller, bool recovery) {
    const process_view* server = nullptr;
    for (const process_view& p : processes) {
        if (p.has(hold::kind::character, d.id)) server = &p;
    }
    reason r{.what = fmt::format("{} of device {} waits{}",
                                 recovery ? "END_USER_RECOVERY" : "START_DEV", d.id,
                                 caller.empty() ? "" : ", called by " + caller),
             .why = "it comes back when every tag of every queue has been fetched: " +
                    missing_fetches(d, server),
             .rule = recovery ? "EREC-1" : "START-4"};
    if (server != nullptr && (server->state == 'T' || server->state == 't')) {
        r.why += fmt::format("; and it is {}", state_text(server->state));
        r.remedy = fmt::format("kill -CONT {}", server->pid);
    } else {
        r.remedy = "let the server fetch what is missing, as many queues and tags as ADD_DEV gave "
                   "back; or end it, and: ashlar del " +
                   std::to_string(d.id);
    }
    return r;
}

// Who keeps a deleted device from going: open files and mappings of its nodes.
std::vector<reason> del_waits(const std::vector<process_view>& processes,
                              const std::set<std::uint32_t>& existing, const std::string& caller,
                              std::optional<std::uint32_t> only) {
    std::vector<reason> reasons;
    for (const process_view& p : processes) {
        for (const hold& h : p.holds) {
            const bool gone = h.deleted || !existing.contains(h.id);
            if (!gone || h.what == hold::kind::mount || (only && *only != h.id)) continue;
            const bool mapping = h.what == hold::kind::mapping;
            reasons.push_back(
                {.what = fmt::format("DEL_DEV of device {} waits{}", h.id,
                                     caller.empty() ? "" : ", called by " + caller),
                 .why = fmt::format("{} still has {}: {}", who(p),
                                    mapping                      ? "a mapping of its descriptors"
                                    : h.what == hold::kind::disk ? "its disk open"
                                                                 : "its character device open",
                                    h.where),
                 .remedy = mapping
                               ? fmt::format("let it unmap (munmap) and close before DEL_DEV, or "
                                             "use DEL_DEV_ASYNC; now: kill {}",
                                             p.pid)
                               : fmt::format("let it close the device, or: kill {}", p.pid),
                 .rule = "DEL-3"});
        }
    }
    return reasons;
}

reason requests_wait(const device_view& d, const std::vector<process_view>& processes) {
    reason r{.what = fmt::format("{} requests of {} are not answered", d.under_way,
                                 device_room::block_path(d.id))};
    const process_view* server = process_of(processes, d.server);
    switch (d.state()) {
        case uapi::device_state::quiesced:
            r.why = "the device waits for a new server, and its requests with it";
            r.remedy =
                fmt::format("start a server that recovers it, or: ashlar del --force {}", d.id);
            return r;
        case uapi::device_state::dead:
        case uapi::device_state::fail_io: r.why = "the device ends: they fail soon"; return r;
        case uapi::device_state::live: break;
    }
    r.why = server_text(d, processes);
    if (!d.server_alive) {
        r.why += "; something else keeps its character device open, or the driver has not noticed";
        r.remedy = fmt::format("ashlar del --force {}", d.id);
    } else if (server != nullptr && (server->state == 'T' || server->state == 't')) {
        r.remedy = fmt::format("let it go on: kill -CONT {}", server->pid);
    } else if (server != nullptr && server->waits_in("I/O")) {
        r.why += ", and waits for a disk itself";
        r.remedy = fmt::format("see what it waits for: ashlar why --pid {}", d.server);
    } else {
        r.why += ": the requests are in its hands";
        r.remedy = fmt::format("see what it does (ashlar show {}); to fail them: kill -9 {}", d.id,
                               d.server);
    }
    return r;
}

void add_all(std::vector<reason>& to, std::vector<reason> more) {
    for (reason& r : more) to.push_back(std::move(r));
}

// The device that a caller of START_DEV means: it tells nobody, so those that wait for a start.
std::vector<const device_view*> being_started(const std::vector<device_view>& devices,
                                              const std::vector<process_view>& processes,
                                              const process_view& caller, bool recovery) {
    std::vector<const device_view*> opened, own;
    for (const device_view& d : devices) {
        const auto state = d.state();
        const bool waits =
            recovery ? state == uapi::device_state::quiesced || state == uapi::device_state::fail_io
                     : state == uapi::device_state::dead;
        if (!d.info || !waits) continue;
        if (caller.has(hold::kind::character, d.id)) own.push_back(&d);
        const bool open = std::ranges::any_of(
            processes, [&](auto& p) { return p.has(hold::kind::character, d.id); });
        if (open || recovery) opened.push_back(&d);
    }
    return own.empty() ? opened : own;
}

struct look {
    std::vector<process_view> processes;
    std::vector<device_view> devices;
    std::set<std::uint32_t> ids;

    explicit look(const scene& s)
        : processes(ublk_processes(s.fs)), devices(all_devices(s, processes)) {
        for (const device_view& d : devices) ids.insert(d.id);
    }
};

// Stops and the like: they wait for the requests that servers hold.
reason stop_waits(const look& l, const process_view& caller, const std::string& command) {
    reason r{.what = fmt::format("{} waits, called by {}", command, who(caller)),
             .why = "it comes back when the servers have answered the requests in their hands",
             .rule = command == "QUIESCE_DEV" ? "QUI-4" : "STOP"};
    for (const device_view& d : l.devices) {
        const process_view* server = process_of(l.processes, d.server);
        if (server == nullptr) continue;
        r.why += fmt::format("; device {}: {} requests, {}", d.id, d.under_way,
                             server_text(d, l.processes));
        if (server->state == 'T') r.remedy = fmt::format("kill -CONT {}", d.server);
        if (r.remedy.empty()) r.remedy = fmt::format("end the server: kill -9 {}", d.server);
    }
    return r;
}

void explain_waits(const look& l, const process_view& p, std::vector<reason>& reasons) {
    std::set<std::string> told;
    for (const wait& w : p.waits) {
        if (!told.insert(w.command).second) continue;
        const bool recovery = w.command == "END_USER_RECOVERY";
        if (w.command == "START_DEV" || recovery) {
            for (const device_view* d : being_started(l.devices, l.processes, p, recovery)) {
                reasons.push_back(start_waits(*d, l.processes, who(p), recovery));
            }
        } else if (w.command == "DEL_DEV") {
            auto holders = del_waits(l.processes, l.ids, who(p), std::nullopt);
            if (holders.empty()) {
                reasons.push_back(stop_waits(l, p, w.command));
            } else {
                add_all(reasons, std::move(holders));
            }
        } else if (w.command == "ADD_DEV") {
            reasons.push_back({.what = fmt::format("ADD_DEV waits, called by {}", who(p)),
                               .why = "another ADD_DEV or DEL_DEV of this machine is not done",
                               .remedy = "find it: ashlar doctor",
                               .rule = "ADD-14"});
        } else if (w.command != "I/O") {
            reasons.push_back(stop_waits(l, p, w.command));
        }
    }
}

// What a process has to do with disks whose requests hang.
void explain_disks(const look& l, const process_view& p, std::vector<reason>& reasons) {
    for (const device_view& d : l.devices) {
        const bool uses = p.has(hold::kind::disk, d.id) || p.has(hold::kind::mount, d.id);
        if (!uses || d.under_way == 0) continue;
        reason r = requests_wait(d, l.processes);
        r.what = fmt::format("{} uses {}: {}", who(p), device_room::block_path(d.id), r.what);
        reasons.push_back(std::move(r));
    }
}

reason nothing(const std::string& what, const std::string& why) {
    return {.what = what, .why = why, .waits = false};
}

}  // namespace

std::vector<reason> why_device(const scene& s, std::uint32_t id) {
    const look l(s);
    std::vector<reason> reasons;
    const auto found = std::ranges::find(l.devices, id, &device_view::id);
    std::string caller;
    bool start = false, recovery = false;
    for (const process_view& p : l.processes) {
        const bool starts = p.waits_in("START_DEV"), recovers = p.waits_in("END_USER_RECOVERY");
        if (!starts && !recovers) continue;
        for (const device_view* d : being_started(l.devices, l.processes, p, recovers)) {
            if (d->id != id) continue;
            caller = who(p);
            (recovers ? recovery : start) = true;
        }
    }
    if (found == l.devices.end() || !found->info) {
        add_all(reasons, del_waits(l.processes, l.ids, "", id));
        if (reasons.empty()) {
            reasons.push_back(nothing(fmt::format("there is no device {}", id),
                                      "and nobody holds anything of an old one"));
        }
        return reasons;
    }
    if (start || recovery) reasons.push_back(start_waits(*found, l.processes, caller, recovery));
    if (found->under_way > 0 && !start) reasons.push_back(requests_wait(*found, l.processes));
    if (reasons.empty()) {
        reasons.push_back(
            nothing(fmt::format("nothing waits for device {}", id),
                    fmt::format("its state is {}, {}, and no request is under way",
                                uapi::name(found->state()), server_text(*found, l.processes))));
    }
    return reasons;
}

std::vector<reason> why_process(const scene& s, int pid) {
    const look l(s);
    const process_view p = look_at_process(s.fs, pid);
    std::vector<reason> reasons;
    explain_waits(l, p, reasons);
    explain_disks(l, p, reasons);
    // A server that does not answer, asked for by its own number.
    for (const device_view& d : l.devices) {
        if (d.server == pid && d.under_way > 0) reasons.push_back(requests_wait(d, l.processes));
    }
    if (p.maps_unreadable) {
        reasons.push_back({.what = fmt::format("{}: the lock of its memory is held", who(p)),
                           .why = "one of its threads waits for a page, perhaps from a disk that "
                                  "its own server serves (rule of reclaim: lock its memory)",
                           .remedy = "see /proc/PID/task/*/stack, and serve without --no-lock"});
    }
    if (reasons.empty()) {
        reasons.push_back(nothing(fmt::format("{} waits for nothing of ublk", who(p)),
                                  fmt::format("it is {}; it holds {} things of ublk devices",
                                              state_text(p.state), p.holds.size())));
    }
    return reasons;
}

}  // namespace ashlar::doctor
