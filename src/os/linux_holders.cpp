// SPDX-License-Identifier: MIT
// Who uses a disk: mounts in every mount namespace, swaps, devices on top, and open descriptors.
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

struct disk_part {
    std::string name;    // "ublkb0", "ublkb0p1"
    std::string number;  // "259:0"
};

std::string link_of(const std::string& path) {
    char target[256];
    ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

std::string first_line(linux& machine, const std::string& path) {
    std::string text = machine.read_text(path).value_or("");
    return text.substr(0, text.find('\n'));
}

std::vector<disk_part> parts_of(linux& machine, const std::string& disk) {
    std::vector<disk_part> parts;
    std::string base = "/sys/block/" + disk;
    std::string number = first_line(machine, base + "/dev");
    if (number.empty()) return parts;
    parts.push_back({disk, number});
    for (const std::string& name : machine.list_directory(base)) {
        if (!name.starts_with(disk)) continue;
        number = first_line(machine, base + "/" + name + "/dev");
        if (!number.empty()) parts.push_back({name, number});
    }
    return parts;
}

void add(std::vector<holder>& holders, holder h) {
    if (std::ranges::find(holders, h) == holders.end()) holders.push_back(std::move(h));
}

// A line of mountinfo: id parent major:minor root mount-point options …
void add_mounts(std::vector<holder>& holders, const std::string& mountinfo,
                const std::vector<disk_part>& parts, int pid, const std::string& program) {
    std::istringstream lines(mountinfo);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, number, root, point, skipped, source;
        words >> id >> parent >> number >> root >> point;
        // Some file systems (btrfs) have numbers of their own: their source names the disk. It is
        // the second word behind the separator.
        while (words >> skipped && skipped != "-") {}
        words >> skipped >> source;
        for (const disk_part& part : parts) {
            if (part.number == number || "/dev/" + part.name == source) {
                add(holders, {pid, program, "mounted at " + point});
            }
        }
    }
}

void add_descriptors(std::vector<holder>& holders, linux& machine, const std::string& process,
                     const std::vector<disk_part>& parts, int pid, const std::string& program) {
    for (const std::string& fd : machine.list_directory(process + "/fd")) {
        struct stat found{};
        if (::stat((process + "/fd/" + fd).c_str(), &found) != 0 || !S_ISBLK(found.st_mode)) {
            continue;
        }
        std::string number = fmt::format("{}:{}", major(found.st_rdev), minor(found.st_rdev));
        for (const disk_part& part : parts) {
            if (part.number == number) add(holders, {pid, program, "open"});
        }
    }
}

}  // namespace

std::vector<holder> linux::holders_of(const std::string& disk) {
    if (helper_ != nullptr) return helper_->holders_of(disk);
    std::vector<holder> holders;
    std::vector<disk_part> parts = parts_of(*this, disk);
    if (parts.empty()) return holders;

    add_mounts(holders, read_text("/proc/self/mountinfo").value_or(""), parts, 0, "");
    std::set<std::string> name_spaces{link_of("/proc/self/ns/mnt")};
    for (const std::string& name : list_directory("/proc")) {
        if (!std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) {
            continue;
        }
        std::string process = "/proc/" + name;
        int pid = std::stoi(name);
        std::string program = first_line(*this, process + "/comm");
        std::string name_space = link_of(process + "/ns/mnt");
        if (!name_space.empty() && name_spaces.insert(name_space).second) {
            add_mounts(holders, read_text(process + "/mountinfo").value_or(""), parts, pid,
                       program);
        }
        add_descriptors(holders, *this, process, parts, pid, program);
    }
    std::istringstream swaps(read_text("/proc/swaps").value_or(""));
    for (std::string line; std::getline(swaps, line);) {
        std::string file = line.substr(0, line.find_first_of(" \t"));
        for (const disk_part& part : parts) {
            if (file == "/dev/" + part.name) add(holders, {0, "", "used as swap"});
        }
    }
    for (const disk_part& part : parts) {
        std::string above = part.name == disk ? "/sys/block/" + disk + "/holders"
                                              : "/sys/block/" + disk + "/" + part.name + "/holders";
        for (const std::string& device : list_directory(above)) {
            add(holders, {0, "", "used by " + device});
        }
    }
    return holders;
}

}  // namespace ashlar::os
