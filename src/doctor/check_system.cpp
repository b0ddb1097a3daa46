// SPDX-License-Identifier: MIT
// What a server needs of the system around the driver.
#include "device/record.hpp"
#include "doctor/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ashlar::doctor {

namespace {

constexpr unsigned cap_sys_admin = 21;
constexpr std::uint64_t least_memlock = 64ULL << 20;
constexpr std::uint64_t least_files = 256;
// The kernel's own numbers of the first name spaces.
constexpr std::string_view first_pid_space = "pid:[4026531836]";
constexpr std::string_view first_user_space = "user:[4026531837]";

// The soft limit of a line "Max locked memory   8388608   8388608   bytes".
std::string soft_limit(const std::string& limits, std::string_view name) {
    const auto words = words_of(field_of(limits, name));
    return words.empty() ? "" : words[0];
}
bool is_less(const std::string& limit, std::uint64_t least) {
    const auto number = number_of(limit);
    return number && *number < least;
}

bool has_capability(const scene& s, unsigned bit) {
    const std::string text = field_of(s.fs.text("/proc/self/status").value_or(""), "CapEff:");
    std::uint64_t all = 0;
    std::from_chars(text.data(), text.data() + text.size(), all, 16);
    return (all >> bit & 1) != 0;
}

// The type of the file system at a place, by mountinfo: the last mount there counts.
std::string file_system_at(const scene& s, std::string_view point) {
    std::string type;
    for (const std::string& line : lines_of(s.fs.text("/proc/self/mountinfo").value_or(""))) {
        const auto words = words_of(line);
        const auto bar = std::ranges::find(words, "-");
        if (words.size() > 4 && words[4] == point && words.end() - bar > 1) type = *(bar + 1);
    }
    return type;
}

bool udev_runs(const scene& s) { return s.fs.exists("/run/udev/control"); }

}  // namespace

finding check_control_node(const scene& s) {
    finding f{.id = "control", .what = "/dev/ublk-control can be opened"};
    const std::string node = "/dev/ublk-control";
    if (!s.fs.exists(node)) {
        const auto state = state_of_module(s);
        const bool driver = state == module_state::loaded || state == module_state::built_in;
        f.what = "there is no /dev/ublk-control";
        f.how = driver ? verdict::problem : verdict::unknown;
        f.why = driver ? "the driver is there, and nobody has made its node"
                       : "it comes with the driver";
        f.remedy = driver ? "see that /dev is a devtmpfs of this machine, not a container's own"
                          : "modprobe ublk_drv";
    } else if (!s.fs.may_write(node)) {
        f.how = verdict::problem;
        f.what = "/dev/ublk-control can't be opened for reading and writing";
        f.why = "its owner and mode give this user no right";
        f.remedy = "run as root, or with sudo";
    }
    return f;
}

finding check_rights(const scene& s) {
    finding f{.id = "rights", .what = "this process may make devices (CAP_SYS_ADMIN)"};
    if (!has_capability(s, cap_sys_admin)) {
        f.how = verdict::problem;
        f.what = "this process may not make devices";
        f.why = "it has no CAP_SYS_ADMIN (rule ADD-5)";
        f.remedy = "run as root, or with sudo";
    } else if (const auto space = s.fs.link("/proc/self/ns/user");
               !space.empty() && space != first_user_space) {
        f.how = verdict::problem;
        f.what = "this process may not make devices";
        f.why = "it is root in a user name space of its own, where CAP_SYS_ADMIN does not count";
        f.remedy = "run ashlar outside of the container";
    }
    return f;
}

finding check_io_uring(const scene& s) {
    finding f{.id = "io_uring", .what = "a ring with wide entries can be made"};
    const std::string disabled = s.fs.first_line("/proc/sys/kernel/io_uring_disabled");
    const std::string group = s.fs.first_line("/proc/sys/kernel/io_uring_group");
    if (disabled == "1") {
        f.what += fmt::format("; kernel.io_uring_disabled is 1: only with CAP_SYS_ADMIN, or in "
                              "group {}",
                              group);
    }
    const auto ring = s.ring();
    if (!ring) {
        f.how = verdict::problem;
        f.what = "no ring can be made: " + errno_text(ring.error().code);
        f.why = ring.error().why;
        f.remedy = ring.error().remedy;
    }
    return f;
}

finding check_limits(const scene& s) {
    finding f{.id = "limits"};
    const std::string limits = s.fs.text("/proc/self/limits").value_or("");
    const std::string memory = soft_limit(limits, "Max locked memory");
    const std::string open = soft_limit(limits, "Max open files");
    f.what = fmt::format("locked memory: {} bytes, open files: {}", memory, open);
    constexpr unsigned cap_ipc_lock = 14;
    if (limits.empty()) {
        f.how = verdict::unknown;
        f.what = "the limits of this process are not known";
    } else if (is_less(memory, least_memlock) && !has_capability(s, cap_ipc_lock)) {
        f.how = verdict::warning;
        f.why = "a server of ashlar locks its memory, and there is too little of it for that";
        f.remedy = "ulimit -l unlimited (LimitMEMLOCK=infinity of the unit), or --no-lock";
    } else if (is_less(open, least_files)) {
        f.how = verdict::warning;
        f.why = "each queue needs some descriptors";
        f.remedy = "ulimit -n 1024 (LimitNOFILE= of the unit)";
    }
    return f;
}

finding check_run_directory(const scene& s) {
    const std::string own = device_room::run_directory();
    const std::string parent = own.substr(0, std::max<std::size_t>(own.rfind('/'), 1));
    finding f{.id = "run directory", .what = own + " can be written to"};
    if (!s.fs.exists(own)) {
        f.what = own + " is not there yet";
        if (!s.fs.may_write(parent)) {
            f.how = verdict::problem;
            f.why = parent + " can't be written to, so that a server can't make it";
            f.remedy = "run as root, or name another directory in ASHLAR_RUN_DIR";
        }
    } else if (!s.fs.may_write(own)) {
        f.how = verdict::problem;
        f.what = own + " can't be written to";
        f.why = "a server keeps its device's record there";
        f.remedy = "run as root, make room there, or name another directory in ASHLAR_RUN_DIR";
    }
    return f;
}

finding check_udev(const scene& s) {
    finding f{.id = "udev"};
    bool ours = false;
    for (std::string_view directory :
         {"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d",
          "/usr/lib/udev/rules.d", "/lib/udev/rules.d"}) {
        ours = ours || s.fs.exists(fmt::format("{}/60-ashlar.rules", directory));
    }
    f.what = fmt::format("udevd {}; ashlar's rules {}", udev_runs(s) ? "runs" : "does not run here",
                         ours ? "are installed" : "are not installed");
    if (udev_runs(s) && !ours) {
        f.how = verdict::warning;
        f.why = "there are no links /dev/ashlar/NAME, nor by-id and by-uuid for ublk disks";
        f.remedy = "install ashlar with its udev rules (make install), and then: udevadm control "
                   "--reload";
    }
    return f;
}

finding check_name_spaces(const scene& s) {
    finding f{.id = "name spaces", .what = "no name space is in the way"};
    const std::string pid_space = s.fs.link("/proc/self/ns/pid");
    const std::string dev = file_system_at(s, "/dev");
    if (!pid_space.empty() && pid_space != first_pid_space && !s.kernel.at_least(7, 0)) {
        const bool compared = s.kernel.at_least(6, 16, 1);
        f.how = compared ? verdict::problem : verdict::warning;
        f.what = "this is a pid name space of its own (a container)";
        f.why = compared
                    ? "before Linux 7.0 START_DEV compares process ids of the first name space, "
                      "and refuses any other (rule START-5)"
                    : "before Linux 7.0 the driver keeps the server's id as it is here, which "
                      "means another process outside";
        f.remedy = "run the server in the first pid name space (docker run --pid=host)";
    } else if (!dev.empty() && dev != "devtmpfs" && !udev_runs(s)) {
        f.how = verdict::problem;
        f.what = fmt::format("/dev is a {} and nobody makes nodes in it", dev);
        f.why = "the kernel puts /dev/ublkcN and /dev/ublkbN into the devtmpfs only";
        f.remedy = "mount the machine's /dev there (docker run -v /dev:/dev)";
    }
    return f;
}

finding check_swap(const scene& s, const std::vector<device_view>& devices) {
    finding f{.id = "memory", .what = "no swap is on a ublk disk"};
    for (const std::string& line : lines_of(s.fs.text("/proc/swaps").value_or(""))) {
        const auto words = words_of(line);
        if (words.empty() || !words[0].starts_with("/dev/ublkb")) continue;
        f.what = fmt::format("swap is on {}", words[0]);
        const auto id = number_of(words[0].substr(std::string_view("/dev/ublkb").size()));
        for (const device_view& d : devices) {
            if (!id || d.id != *id || d.server <= 0) continue;
            const std::string status =
                s.fs.text(fmt::format("/proc/{}/status", d.server)).value_or("");
            const auto locked = words_of(field_of(status, "VmLck:"));
            if (!locked.empty() && locked[0] != "0") return f;
            f.how = verdict::problem;
            f.why = fmt::format("its server (pid {}) has not locked its memory: it may be swapped "
                                "out onto its own disk, and the machine hangs",
                                d.server);
            f.remedy = fmt::format("swapoff {}, and serve it without --no-lock", words[0]);
            return f;
        }
        f.how = verdict::warning;
        f.why = "its server is not known, and may be swapped out onto its own disk";
        f.remedy = "see that its server locks its memory (mlockall)";
        return f;
    }
    return f;
}

std::vector<finding> check_all(const scene& s) {
    const auto processes = ublk_processes(s.fs);
    const auto devices = all_devices(s, processes);
    std::vector<finding> all = {check_kernel(s), check_config(s), check_module(s),
                                check_device_limit(s)};
    for (finding& f : check_known_bugs(s)) all.push_back(std::move(f));
    for (auto check : {&check_features, &check_control_node, &check_rights, &check_io_uring,
                       &check_limits, &check_run_directory, &check_udev, &check_name_spaces}) {
        all.push_back(check(s));
    }
    all.push_back(check_swap(s, devices));
    for (finding& f : device_findings(devices, processes)) all.push_back(std::move(f));
    return all;
}

}  // namespace ashlar::doctor
