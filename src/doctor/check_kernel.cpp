// SPDX-License-Identifier: MIT
// The kernel, its configuration, its driver.
#include "doctor/checks.hpp"
#include "rules/known_bugs.hpp"
#include "uapi/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdio>

namespace ashlar::doctor {

namespace {

constexpr std::string_view limit_path = "/sys/module/ublk_drv/parameters/ublks_max";

// The kernel's configuration as text, from where a distribution keeps it.
std::string config_text(const scene& s) {
    for (const std::string& path :
         {"/boot/config-" + s.release, "/lib/modules/" + s.release + "/config",
          "/usr/lib/modules/" + s.release + "/config"}) {
        if (auto text = s.fs.text(path)) return *text;
    }
    if (!s.fs.exists("/proc/config.gz")) return {};
    const std::string command = "gzip -cd '" + s.fs.real("/proc/config.gz") + "' 2>/dev/null";
    std::string text;
    if (FILE* pipe = ::popen(command.c_str(), "re")) {
        char buffer[4096];
        std::size_t got = 0;
        while ((got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) text.append(buffer, got);
        ::pclose(pipe);
    }
    return text;
}

std::string setting(const std::string& config, std::string_view name) {
    return field_of(config, fmt::format("CONFIG_{}=", name));
}

bool lists_module(const scene& s, const std::string& file) {
    for (std::string_view prefix : {"/lib/modules/", "/usr/lib/modules/"}) {
        const auto text = s.fs.text(fmt::format("{}{}/{}", prefix, s.release, file));
        if (text && text->find("/ublk_drv.ko") != std::string::npos) return true;
    }
    return false;
}

}  // namespace

module_state state_of_module(const scene& s) {
    if (lists_module(s, "modules.builtin")) return module_state::built_in;
    if (s.fs.exists("/sys/module/ublk_drv")) return module_state::loaded;
    return lists_module(s, "modules.dep") ? module_state::present : module_state::absent;
}

finding check_kernel(const scene& s) {
    finding f{.id = "kernel", .what = "Linux " + s.release};
    if (!s.kernel.at_least(6, 0)) {
        f.how = verdict::problem;
        f.why = "ublk came with Linux 6.0, and ashlar needs 6.1 or newer";
        f.remedy = "boot a newer kernel";
    }
    return f;
}

finding check_config(const scene& s) {
    finding f{.id = "config"};
    const std::string config = config_text(s);
    if (config.empty()) {
        const bool there = state_of_module(s) != module_state::absent;
        f.how = there ? verdict::ok : verdict::unknown;
        f.what = there ? "the kernel's configuration is not there to be read; it has the driver"
                       : "the kernel's configuration is not there to be read";
        if (!there) f.remedy = "look for CONFIG_BLK_DEV_UBLK where your kernel comes from";
        return f;
    }
    const std::string ublk = setting(config, "BLK_DEV_UBLK");
    const std::string ring = setting(config, "IO_URING");
    f.what = fmt::format("CONFIG_BLK_DEV_UBLK is {}, CONFIG_IO_URING is {}",
                         ublk.empty() ? "not set" : ublk, ring.empty() ? "not set" : ring);
    if (ublk.empty() || ring.empty()) {
        f.how = verdict::problem;
        f.why = "this kernel was built without it";
        f.remedy =
            s.kernel.at_least(6, 2)
                ? "install a kernel with CONFIG_BLK_DEV_UBLK and CONFIG_IO_URING"
                : "Debian 12's own 6.1 kernel has no ublk: apt install linux-image-6.12-amd64 "
                  "and reboot";
    }
    return f;
}

finding check_module(const scene& s) {
    finding f{.id = "module"};
    switch (state_of_module(s)) {
        case module_state::built_in: f.what = "the driver ublk_drv is built into the kernel"; break;
        case module_state::loaded: f.what = "the driver ublk_drv is loaded"; break;
        case module_state::present:
            f.how = verdict::warning;
            f.what = "the driver ublk_drv is not loaded";
            f.why = "ashlar add and ashlar run load it by themselves; other programs may not";
            f.remedy = "modprobe ublk_drv, or ashlar doctor --fix";
            break;
        case module_state::absent:
            f.how = verdict::problem;
            f.what = "the driver ublk_drv is not loaded";
            f.why = fmt::format("there is no such module for this kernel in /lib/modules/{}",
                                s.release);
            f.remedy = "install the kernel's package of extra modules (linux-modules-extra-…), or "
                       "reboot if the kernel was updated";
            break;
    }
    return f;
}

finding check_device_limit(const scene& s) {
    finding f{.id = "limit"};
    const auto limit = number_of(s.fs.first_line(std::string(limit_path)));
    const std::size_t devices = device_ids(s.fs).size();
    if (!limit) {
        f.how = verdict::unknown;
        f.what = "the driver's limit of devices is not known (it is not loaded)";
        return f;
    }
    const auto bugs = known_bugs_of(s.kernel);
    const bool counts_all =
        std::ranges::any_of(bugs, [](const rules::known_bug* b) { return b->id == "BUG-9"; });
    f.what = fmt::format("{} device{}, of {} {}", devices, devices == 1 ? "" : "s", *limit,
                         counts_all ? "that the driver allows (ublks_max)"
                                    : "without privileges that the driver allows (ublks_max)");
    if (counts_all && devices >= *limit) {
        f.how = verdict::problem;
        f.why = "no more can be made (rule ADD-15)";
        f.remedy = fmt::format("raise it: echo 1024 > {}", limit_path);
    }
    return f;
}

std::vector<finding> check_known_bugs(const scene& s) {
    std::vector<finding> all;
    std::size_t lived_with = 0;
    for (const rules::known_bug* b : known_bugs_of(s.kernel)) {
        if (b->how_bad == rules::harm::note) {
            ++lived_with;
            continue;
        }
        const bool unfit = b->how_bad == rules::harm::unfit;
        all.push_back({.id = std::string(b->id),
                       .how = unfit ? verdict::problem : verdict::warning,
                       .what = "a known bug of this kernel's driver",
                       .why = std::string(b->what),
                       .remedy = std::string(b->remedy)});
    }
    const std::string also =
        lived_with == 0 ? "" : fmt::format("; ashlar works around {}", lived_with);
    all.insert(all.begin(),
               {.id = "known bugs",
                .what = fmt::format("{} of this kernel's driver matter here{}",
                                    all.empty() ? "none" : std::to_string(all.size()), also)});
    return all;
}

finding check_features(const scene& s) {
    finding f{.id = "features"};
    const auto flags = s.features();
    if (!flags) {
        f.how = verdict::unknown;
        f.what = "the driver's features are not known: " + flags.error().operation;
        if (flags.error().code != 0) f.what += ": " + errno_text(flags.error().code);
        f.why = flags.error().why;
        f.remedy = flags.error().remedy;
        return f;
    }
    std::string names;
    for (const uapi::feature& one : uapi::features()) {
        if ((*flags & one.bit) != 0)
            names += fmt::format("{}{}", names.empty() ? "" : " ", one.name);
    }
    f.what = fmt::format("{} features: {} (what each gives: ashlar features)",
                         std::popcount(*flags), names);
    return f;
}

}  // namespace ashlar::doctor
