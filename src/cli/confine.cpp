// SPDX-License-Identifier: MIT
#include "cli/confine.hpp"

#include "base/write_all.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

struct capability_name {
    int number;
    const char* name;
};

constexpr capability_name kept[] = {
    {CAP_SYS_ADMIN, "sys_admin"},        // commands to the driver
    {CAP_SYS_RESOURCE, "sys_resource"},  // PR_SET_IO_FLUSHER of later threads
    {CAP_IPC_LOCK, "ipc_lock"},          // memory of later threads, and of a larger disk
    {CAP_SYS_PTRACE, "sys_ptrace"},      // who has a disk open that is to end
    {CAP_DAC_READ_SEARCH, "dac_read_search"},
    {CAP_DAC_OVERRIDE, "dac_override"},  // an image of somebody else's, opened once more
};

bool is_kept(int capability) {
    return std::ranges::any_of(kept, [=](auto& k) { return k.number == capability; });
}

// Of this thread, which is the only one.
std::string drop_capabilities() {
    bool dropped = true;
    for (int c = 0; ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) {
        if (!is_kept(c) && ::prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0) dropped = false;
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[2] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return {};
    std::uint32_t mask[2] = {};
    for (const auto& k : kept) mask[k.number / 32] |= 1U << (k.number % 32);
    for (int word = 0; word < 2; ++word) {
        sets[word].effective &= mask[word];
        sets[word].permitted &= mask[word];
        sets[word].inheritable = 0;
    }
    if (::syscall(SYS_capset, &header, sets) != 0 || !dropped) return {};
    std::string names;
    for (const auto& k : kept) names += fmt::format("{}{}", names.empty() ? "" : ", ", k.name);
    return "no capabilities but " + names;
}

// Little is won by its end, and those who use its disk lose more. Its keeper goes after it.
std::string ask_to_be_spared() {
    constexpr const char* score = "-900";
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return {};
    const bool written = write_all(fd, fmt::format("{}\n", score)) == 0;
    ::close(fd);
    return written ? fmt::format("out-of-memory score {}", score) : std::string();
}

}  // namespace

std::vector<std::string> confine_process() {
    std::vector<std::string> in_force;
    const auto note = [&](std::string what) {
        if (!what.empty()) in_force.push_back(std::move(what));
    };
    note(ask_to_be_spared());
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) note("no new privileges");
    note(drop_capabilities());
    return in_force;
}

}  // namespace ashlar::cli
