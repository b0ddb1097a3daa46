// SPDX-License-Identifier: MIT
#include "doctor/devices.hpp"

#include "device/nodes.hpp"
#include "device/record.hpp"
#include "uapi/print.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace ashlar::doctor {

namespace {

constexpr std::string_view char_prefix = "ublkc";

std::uint64_t sum_of_words(const std::string& line, std::initializer_list<std::size_t> which) {
    const auto words = words_of(line);
    std::uint64_t sum = 0;
    for (std::size_t i : which) {
        if (i < words.size()) sum += number_of(words[i]).value_or(0);
    }
    return sum;
}

void look_at_requests(const files& fs, device_view& d) {
    const std::string disk = "/sys/block/" + device_room::disk_name(d.id);
    d.disk = fs.exists(disk);
    d.under_way = sum_of_words(fs.first_line(disk + "/inflight"), {0, 1});
    // Reads, writes, discards and flushes that were answered.
    d.answered = sum_of_words(fs.first_line(disk + "/stat"), {0, 4, 11, 15});
}

// The process in the device's record, if the record is this device's; 0 without one.
int recorded_server(const files& fs, std::uint32_t id, std::uint64_t cookie) {
    const auto text = fs.text(device_room::record_path(id));
    const auto json = nlohmann::json::parse(text.value_or(""), nullptr, false);
    if (json.is_discarded() || !json.is_object()) return 0;
    if (json.value("cookie", std::uint64_t{0}) != cookie) return 0;
    return json.value("pid", 0);
}

// The kernel keeps no time of it. A record is written when its server begins; the disk's node goes
// with a server that can't be followed by another, and that changes /dev.
void look_at_death(const files& fs, device_view& d) {
    if (d.of_ashlar) d.lived_at = fs.changed(device_room::record_path(d.id));
    const bool ended = d.state() == uapi::device_state::dead && !d.disk;
    if (ended && d.lived_at != 0) d.dead_by = fs.changed("/dev");
}

std::string holders_of_node(const std::vector<process_view>& processes, std::uint32_t id) {
    std::string text;
    for (const process_view& p : processes) {
        for (const hold& h : p.holds) {
            if (h.id != id || h.what == hold::kind::disk || h.what == hold::kind::mount) continue;
            text += fmt::format("{}{} (pid {}): {}", text.empty() ? "" : ", ", p.program, p.pid,
                                h.where);
        }
    }
    return text;
}

finding about_dead(const device_view& d, const std::vector<process_view>& processes, finding f) {
    const std::string holders = holders_of_node(processes, d.id);
    if (!holders.empty() && d.server_alive) {
        f.what += "not started yet, or stopped";
        if (process_of(processes, d.server)->waits_in("START_DEV")) {
            f.how = verdict::warning;
            f.why = "its START_DEV waits for requests to be fetched";
            f.remedy = fmt::format("ashlar why {}", d.id);
        }
        return f;
    }
    f.how = verdict::warning;
    if (is_leftover(d, processes)) {
        f.what += fmt::format("dead; its server (pid {}) is gone{}", d.server, death_text(d));
        f.why = "the id stays taken until somebody deletes the device";
        f.remedy = fmt::format("ashlar del {}, or ashlar doctor --fix", d.id);
        return f;
    }
    f.what += "dead or not started yet; no server has it open";
    f.why = holders.empty() ? "it was made by another program than ashlar, which may still want it"
                            : "something still holds it: " + holders;
    f.remedy = fmt::format("if it is a leftover: ashlar del {}", d.id);
    return f;
}

finding about_running(const device_view& d, const std::vector<process_view>& processes, finding f) {
    f.what += fmt::format("live, {}", server_text(d, processes));
    const process_view* server = process_of(processes, d.server);
    if (server != nullptr && server->started > 0) {
        f.what += fmt::format("; it was started at {:%F %T}", fmt::localtime(server->started));
    }
    if (!d.server_alive) {
        f.how = verdict::problem;
        f.why = "it is called live, and there is nobody to answer its requests";
        f.remedy = fmt::format("ashlar del --force {}", d.id);
    }
    if (!d.stuck) return f;
    f.how = verdict::problem;
    f.what += fmt::format("; {} requests stuck for a second or longer", d.under_way);
    f.why = "none was answered while they were looked at";
    f.remedy = fmt::format("ashlar why {}", d.id);
    return f;
}

finding about(const device_view& d, const std::vector<process_view>& processes) {
    finding f{.id = fmt::format("device {}", d.id), .what = device_room::block_path(d.id) + ": "};
    if (!d.info) {
        f.how = verdict::unknown;
        f.what += "the driver does not tell about it";
        return f;
    }
    switch (d.state()) {
        case uapi::device_state::live: return about_running(d, processes, f);
        case uapi::device_state::quiesced:
        case uapi::device_state::fail_io: {
            f.how = d.server_alive ? verdict::ok : verdict::warning;
            f.what += "waits for a new server";
            if (!d.server_alive) f.what += death_text(d);
            const bool waits = d.state() == uapi::device_state::quiesced;
            f.why =
                waits ? "requests to it hang until one comes" : "requests to it fail until then";
            f.remedy =
                fmt::format("start a server that recovers it, or: ashlar del --force {}", d.id);
            return f;
        }
        case uapi::device_state::dead: break;
    }
    return about_dead(d, processes, f);
}

}  // namespace

uapi::device_state device_view::state() const {
    return info ? static_cast<uapi::device_state>(info->state) : uapi::device_state::dead;
}

std::string death_text(const device_view& d) {
    if (d.lived_at == 0) return "; nothing tells since when";
    const auto text = [](std::int64_t at) {
        return fmt::format("{:%F %T}", fmt::localtime(static_cast<std::time_t>(at)));
    };
    if (d.dead_by < d.lived_at) return fmt::format("; it ended after {}", text(d.lived_at));
    return fmt::format("; it ended between {} and {}", text(d.lived_at), text(d.dead_by));
}

const process_view* process_of(const std::vector<process_view>& processes, int pid) {
    const auto found = std::ranges::find(processes, pid, &process_view::pid);
    return found == processes.end() ? nullptr : &*found;
}

std::string server_text(const device_view& d, const std::vector<process_view>& processes) {
    if (d.server <= 0) return "no server is known";
    const process_view* p = process_of(processes, d.server);
    if (p == nullptr) {
        return fmt::format("the server (pid {}) {}", d.server,
                           d.server_alive ? "is alive, and has not opened it" : "is gone");
    }
    return fmt::format("the server ({}, pid {}) is {}", p->program, p->pid, state_text(p->state));
}

std::vector<std::uint32_t> device_ids(const files& fs) {
    std::vector<std::uint32_t> ids;
    for (const std::string& name : fs.list("/sys/class/ublk-char")) {
        if (!name.starts_with(char_prefix)) continue;
        if (auto id = number_of(std::string_view(name).substr(char_prefix.size()))) {
            ids.push_back(static_cast<std::uint32_t>(*id));
        }
    }
    std::ranges::sort(ids);
    return ids;
}

device_view look_at_device(const scene& s, const std::vector<process_view>& processes,
                           std::uint32_t id) {
    device_view d{.id = id};
    if (auto info = s.info(id)) d.info = *info;
    for (const process_view& p : processes) {
        if (p.has(hold::kind::character, id)) d.server = p.pid;
    }
    if (d.info) {
        const int recorded = recorded_server(s.fs, id, d.info->ublksrv_flags);
        d.of_ashlar = recorded != 0;
        if (d.server == 0 && d.info->ublksrv_pid > 0) d.server = d.info->ublksrv_pid;
        if (d.server == 0) d.server = recorded;
    }
    d.server_alive = is_alive(s.fs, d.server);
    look_at_requests(s.fs, d);
    if (!d.server_alive) look_at_death(s.fs, d);
    return d;
}

std::vector<device_view> all_devices(const scene& s, const std::vector<process_view>& processes) {
    std::vector<device_view> all;
    for (std::uint32_t id : device_ids(s.fs)) all.push_back(look_at_device(s, processes, id));
    auto busy = [](const device_view& d) { return d.under_way > 0; };
    if (!std::ranges::any_of(all, busy)) return all;
    s.sleep_ns(look_ns);
    for (device_view& d : all) {
        device_view later = d;
        look_at_requests(s.fs, later);
        d.stuck = d.under_way > 0 && later.under_way > 0 && later.answered == d.answered;
    }
    return all;
}

bool is_leftover(const device_view& d, const std::vector<process_view>& processes) {
    return d.info && d.state() == uapi::device_state::dead && d.of_ashlar && !d.server_alive &&
           !d.disk && holders_of_node(processes, d.id).empty();
}

std::vector<finding> device_findings(const std::vector<device_view>& devices,
                                     const std::vector<process_view>& processes) {
    std::vector<finding> all;
    all.reserve(devices.size());
    for (const device_view& d : devices) all.push_back(about(d, processes));
    // Deleted devices that somebody keeps from going.
    for (const process_view& p : processes) {
        for (const hold& h : p.holds) {
            if (!h.deleted) continue;
            const bool there = std::ranges::any_of(devices, [&](auto& d) { return d.id == h.id; });
            if (there || h.what == hold::kind::mount) continue;
            all.push_back(
                {.id = fmt::format("device {}", h.id),
                 .how = verdict::warning,
                 .what = "deleted, and kept from going",
                 .why = fmt::format("{} (pid {}) has it: {}", p.program, p.pid, h.where),
                 .remedy = fmt::format("end it, or let it close the device: kill {}", p.pid)});
        }
    }
    return all;
}

}  // namespace ashlar::doctor
