// SPDX-License-Identifier: MIT
#include "cli/confine.hpp"

#include "base/write_all.hpp"
#include "os/linux_machine.hpp"
#include "queue/ring_uses.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

// Where rings are for the privileged, a server that is to open another one stays privileged.
bool rings_need_a_right() {
    const auto disabled = os::linux_machine().read_text("/proc/sys/kernel/io_uring_disabled");
    return disabled && disabled->starts_with('1');
}

std::string drop_capabilities() {
    const int kept = rings_need_a_right() ? CAP_SYS_ADMIN : -1;
    for (int c = 0; ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) {
        if (c != kept) ::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[2] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return {};
    const std::uint32_t mask[2] = {kept < 0 ? 0 : 1U << kept, 0};
    for (int word = 0; word < 2; ++word) {
        sets[word].effective &= mask[word];
        sets[word].permitted &= mask[word];
        sets[word].inheritable = 0;
    }
    if (::syscall(SYS_capset, &header, sets) != 0) return {};
    return kept < 0 ? "no capabilities"
                    : "no capabilities but sys_admin (kernel.io_uring_disabled is 1)";
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

// What the capabilities were for that go: memory that is locked later, of rings and of a disk that
// grows, and threads on which write-back depends.
void keep_what_rights_gave() {
    const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    ::setrlimit(RLIMIT_MEMLOCK, &all);
    os::linux_machine().mark_io_thread();
}

std::string rings_in_words() {
    using rings = os::linux::rings;
    switch (os::this_linux().ring_restrictions()) {
        case rings::restricted: return "restricted rings";
        case rings::restricted_for_ever: return "restricted rings, new ones too";
        case rings::unrestricted: break;
    }
    return {};
}

}  // namespace

void confine_rings() {
    // Before the rights go, and threads come, which inherit it.
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    os::this_linux().restrict_rings(queue::ring_uses);
}

std::vector<std::string> confine_thread(const std::vector<std::string>& places) {
    std::vector<std::string> in_force;
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) in_force.emplace_back("no new privileges");
    for (std::string what : {confine_files(places), drop_capabilities()}) {
        if (!what.empty()) in_force.push_back(std::move(what));
    }
    return in_force;
}

std::vector<std::string> confine_process(const std::vector<std::string>& places) {
    std::vector<std::string> in_force;
    keep_what_rights_gave();
    if (auto spared = ask_to_be_spared(); !spared.empty()) in_force.push_back(std::move(spared));
    for (std::string& what : confine_thread(places)) in_force.push_back(std::move(what));
    for (std::string& what : confine_calls()) in_force.push_back(std::move(what));
    if (auto rings = rings_in_words(); !rings.empty()) in_force.push_back(std::move(rings));
    return in_force;
}

}  // namespace ashlar::cli
