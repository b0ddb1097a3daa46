// SPDX-License-Identifier: MIT
#include "doctor/processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <unistd.h>
#include <utility>

namespace ashlar::doctor {

namespace {

constexpr std::string_view deleted_mark = " (deleted)";

// Functions of the driver on a thread's stack, the inner ones first, and the command in which they
// are. Which of them the compiler keeps differs between kernels.
constexpr std::pair<std::string_view, std::string_view> command_functions[] = {
    {"ublk_ctrl_start_dev", "START_DEV"},
    {"ublk_ctrl_end_recovery", "END_USER_RECOVERY"},
    {"ublk_ctrl_start_recovery", "START_USER_RECOVERY"},
    {"ublk_ctrl_del_dev", "DEL_DEV"},
    {"ublk_ctrl_try_stop_dev", "TRY_STOP_DEV"},
    {"ublk_ctrl_stop_dev", "STOP_DEV"},
    {"ublk_stop_dev", "STOP_DEV"},
    {"ublk_ctrl_quiesce_dev", "QUIESCE_DEV"},
    {"ublk_ctrl_add_dev", "ADD_DEV"},
    {"ublk_ctrl_set_params", "SET_PARAMS"},
    {"ublk_ctrl_get_params", "GET_PARAMS"},
    {"ublk_ctrl_uring_cmd", "a control command"},
    {"ublk_ch_uring_cmd", "FETCH_REQ"},
};

constexpr std::string_view disk_functions[] = {
    "blkdev_", "submit_bio_wait",     "io_schedule", "folio_wait_bit", "blk_mq_get_tag", "blkg_",
    "__bread", "blk_mq_freeze_queue", "bdev_",       "iomap_dio_",     "bio_await"};

// A device's node by its path: "/dev/ublkc3 (deleted)".
std::optional<hold> node_of(std::string_view path) {
    hold h{};
    if (path.ends_with(deleted_mark)) {
        h.deleted = true;
        path.remove_suffix(deleted_mark.size());
    }
    if (path.starts_with("/dev/ublkc")) {
        h.what = hold::kind::character;
    } else if (path.starts_with("/dev/ublkb")) {
        h.what = hold::kind::disk;
    } else {
        return std::nullopt;
    }
    path.remove_prefix(std::string_view("/dev/ublkc").size());
    // A partition ("ublkb0p1") is its disk.
    const auto [end, failed] = std::from_chars(path.data(), path.data() + path.size(), h.id);
    if (failed != std::errc{}) return std::nullopt;
    const bool whole = end == path.data() + path.size();
    if (!whole && (h.what != hold::kind::disk || *end != 'p')) return std::nullopt;
    return h;
}

// The numbers of an io_uring's fdinfo are decimal or hexadecimal, by kernel.
std::optional<std::uint64_t> ring_number(const std::string& info, std::string_view label) {
    std::string text = field_of(info, label);
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.erase(0, 2);
    std::uint64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number, base).ec != std::errc{}) {
        return std::nullopt;
    }
    return number;
}

void look_at_descriptors(const files& fs, const std::string& process, process_view& view) {
    for (const std::string& fd : fs.list(process + "/fd")) {
        const std::string path = fs.link(process + "/fd/" + fd);
        if (path == "/dev/ublk-control") view.control_open = true;
        if (auto h = node_of(path)) {
            h->where = "fd " + fd;
            view.holds.push_back(*h);
        } else if (path == "anon_inode:[io_uring]") {
            const std::string info = fs.text(process + "/fdinfo/" + fd).value_or("");
            const auto taken = ring_number(info, "CachedSqHead:");
            const auto answered = ring_number(info, "CqTail:");
            const auto number = number_of(fd);
            if (taken && answered && number && *taken >= *answered) {
                view.rings.push_back({static_cast<int>(*number), *taken - *answered});
            }
        }
    }
}

// "7f…-7f… r--s 00018000 00:05 123   /dev/ublkc0"
void look_at_maps(const files& fs, const std::string& process, process_view& view) {
    const auto maps = fs.text_in_time(process + "/maps");
    view.maps_unreadable = !maps.in_time;
    for (const std::string& line : lines_of(maps.text.value_or(""))) {
        const auto at = line.find("/dev/ublkc");
        if (at == std::string::npos) continue;
        auto h = node_of(std::string_view(line).substr(at));
        const auto words = words_of(line);
        if (!h || words.size() < 6) continue;
        h->what = hold::kind::mapping;
        h->where = "mapping " + words[0];
        std::from_chars(words[2].data(), words[2].data() + words[2].size(), h->offset, 16);
        view.holds.push_back(*h);
    }
}

// Whether it works on a file system of a ublk disk: its directory or an open file is there.
void look_at_mounts(const files& fs, const std::string& process, process_view& view) {
    const std::string mounts = fs.text(process + "/mountinfo").value_or("");
    if (mounts.find("/dev/ublkb") == std::string::npos) return;
    for (const std::string& line : lines_of(mounts)) {
        const auto words = words_of(line);
        const auto bar = std::ranges::find(words, "-");
        if (words.size() < 5 || words.end() - bar < 3) continue;
        auto h = node_of(*(bar + 2));
        if (!h) continue;
        const std::string& point = words[4];
        auto inside = [&](const std::string& path) {
            return path == point || path.starts_with(point == "/" ? point : point + "/");
        };
        bool works_there = inside(fs.link(process + "/cwd"));
        for (const std::string& fd : fs.list(process + "/fd")) {
            works_there = works_there || inside(fs.link(process + "/fd/" + fd));
        }
        if (!works_there) continue;
        h->what = hold::kind::mount;
        h->where = "on the file system at " + point;
        view.holds.push_back(*h);
    }
}

// "123 (name with ) in it) S …"
char state_of(const std::string& stat) {
    const auto bracket = stat.rfind(')');
    return bracket == std::string::npos || bracket + 2 >= stat.size() ? '?' : stat[bracket + 2];
}

// The 22nd word of stat is the start, in ticks since the machine's.
std::int64_t start_of(const files& fs, const std::string& stat) {
    const auto bracket = stat.rfind(')');
    if (bracket == std::string::npos) return 0;
    const auto words = words_of(std::string_view(stat).substr(bracket + 1));
    const auto boot = number_of(field_of(fs.text("/proc/stat").value_or(""), "btime"));
    constexpr std::size_t start_word = 19;
    if (words.size() <= start_word || !boot) return 0;
    const auto ticks = number_of(words[start_word]).value_or(0);
    const auto second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    return static_cast<std::int64_t>(*boot + ticks / second);
}

std::string command_in(const std::string& stack, char state) {
    for (const auto& [function, command] : command_functions) {
        if (stack.find(function) != std::string::npos) return std::string(command);
    }
    const bool at_disk = std::ranges::any_of(disk_functions, [&](std::string_view function) {
        return stack.find(function) != std::string::npos;
    });
    return at_disk && state == 'D' ? "I/O" : "";
}

void look_at_threads(const files& fs, const std::string& process, process_view& view) {
    for (const std::string& thread : fs.list(process + "/task")) {
        const std::string path = process + "/task/" + thread;
        const std::string command = command_in(fs.text(path + "/stack").value_or(""),
                                               state_of(fs.first_line(path + "/stat")));
        const auto number = number_of(thread);
        if (!command.empty() && number) {
            view.waits.push_back({static_cast<int>(*number), command});
        }
    }
}

bool concerns_ublk(const process_view& v) {
    return v.control_open || !v.holds.empty() ||
           std::ranges::any_of(v.waits, [](const wait& w) { return w.command != "I/O"; });
}

}  // namespace

bool process_view::has(hold::kind what, std::uint32_t id) const {
    return std::ranges::any_of(holds, [&](const hold& h) { return h.what == what && h.id == id; });
}

bool process_view::waits_in(std::string_view command) const {
    return std::ranges::any_of(waits, [&](const wait& w) { return w.command == command; });
}

std::string_view state_text(char state) {
    switch (state) {
        case 'R': return "running";
        case 'S':
        case 'I': return "sleeping";
        case 'D': return "waiting and not to be killed";
        case 'T': return "stopped by a signal";
        case 't': return "stopped by a debugger";
        case 'Z':
        case 'X': return "ended";
        default: return "in an unknown state";
    }
}

process_view look_at_process(const files& fs, int pid) {
    const std::string process = fmt::format("/proc/{}", pid);
    process_view view{.pid = pid, .program = fs.first_line(process + "/comm")};
    const std::string stat = fs.first_line(process + "/stat");
    view.state = state_of(stat);
    view.started = start_of(fs, stat);
    look_at_descriptors(fs, process, view);
    look_at_maps(fs, process, view);
    look_at_mounts(fs, process, view);
    look_at_threads(fs, process, view);
    return view;
}

std::vector<process_view> ublk_processes(const files& fs) {
    std::vector<process_view> found;
    for (const std::string& name : fs.list("/proc")) {
        const auto pid = number_of(name);
        // Kernel threads have no program, and hold nothing.
        if (!pid || fs.link("/proc/" + name + "/exe").empty()) continue;
        process_view view = look_at_process(fs, static_cast<int>(*pid));
        if (concerns_ublk(view)) found.push_back(std::move(view));
    }
    return found;
}

bool is_alive(const files& fs, int pid) {
    if (pid <= 0) return false;
    const char state = state_of(fs.first_line(fmt::format("/proc/{}/stat", pid)));
    return state != '?' && state != 'Z' && state != 'X';
}

}  // namespace ashlar::doctor
