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

std::uint64_t bit(int capability) { return std::uint64_t{1} << capability; }

// The bits of all others go, in all sets, and nobody here has them again.
bool keep_capabilities(std::uint64_t kept) {
    for (int c = 0; ::prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c) {
        if ((kept & bit(c)) == 0) ::prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    }
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct sets[2] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return false;
    for (auto& [effective, permitted, inheritable] : sets) {
        const auto mask = static_cast<std::uint32_t>(kept);
        effective &= mask;
        permitted &= mask;
        inheritable = 0;
        kept >>= 32;
    }
    return ::syscall(SYS_capset, &header, sets) == 0;
}

std::string drop_capabilities() {
    const bool rings = rings_need_a_right();
    if (!keep_capabilities(rings ? bit(CAP_SYS_ADMIN) : 0)) return {};
    return rings ? "no capabilities but sys_admin (kernel.io_uring_disabled is 1)"
                 : "no capabilities";
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
    os::this_linux().restrict_rings(queue::ring_uses, true);
}

std::vector<std::string> confine_server_of_many() {
    std::vector<std::string> in_force;
    keep_what_rights_gave();
    if (auto spared = ask_to_be_spared(); !spared.empty()) in_force.push_back(std::move(spared));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) in_force.emplace_back("no new privileges");
    const std::uint64_t kept = bit(CAP_SYS_ADMIN) | bit(CAP_DAC_OVERRIDE) |
                               bit(CAP_DAC_READ_SEARCH) | bit(CAP_SYS_PTRACE) | bit(CAP_KILL);
    if (keep_capabilities(kept)) {
        in_force.emplace_back("no capabilities but sys_admin, dac_override, dac_read_search, "
                              "sys_ptrace and kill");
    }
    // Those of its data plane: it makes others itself, for commands.
    os::this_linux().restrict_rings(queue::ring_uses, false);
    return in_force;
}

std::vector<std::string> confine_calls_of_many() {
    std::vector<std::string> in_force = confine_calls();
    if (auto rings = rings_in_words(); !rings.empty()) in_force.push_back(std::move(rings));
    return in_force;
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
