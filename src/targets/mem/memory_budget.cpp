// SPDX-License-Identifier: MIT
#include "targets/mem/memory_budget.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

namespace ashlar::targets {

namespace {

constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

std::optional<std::string> text_in(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) return std::nullopt;
    std::string text;
    char buffer[4096];
    std::size_t got = 0;
    while ((got = std::fread(buffer, 1, sizeof buffer, file)) > 0) text.append(buffer, got);
    std::fclose(file);
    return text;
}

// The number behind `label`, or nothing.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view label) {
    auto at = text.find(label);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + label.size());
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t number = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{}) return std::nullopt;
    return number;
}

// The least that the version-2 control groups of this process still allow, from its own up.
std::uint64_t group_allowance(const std::string& root) {
    auto membership = text_in(root + "/proc/self/cgroup");
    if (!membership) return unknown;
    std::string_view text = *membership;
    auto at = text.find("0::");
    if (at == std::string_view::npos) return unknown;
    text.remove_prefix(at + 3);
    std::string group(text.substr(0, text.find('\n')));
    std::uint64_t allowance = unknown;
    while (!group.empty() && group != "/") {
        const std::string path = root + "/sys/fs/cgroup" + group;
        auto limit = number_after(text_in(path + "/memory.max").value_or(""), "");
        auto used = number_after(text_in(path + "/memory.current").value_or(""), "");
        // Memory of files can be given up by the kernel before anybody is killed.
        const std::string stat = text_in(path + "/memory.stat").value_or("");
        const std::uint64_t files = number_after(stat, "\ninactive_file ").value_or(0) +
                                    number_after(stat, "\nactive_file ").value_or(0);
        if (limit && used) {
            const std::uint64_t taken = *used - std::min(*used, files);
            allowance = std::min(allowance, *limit - std::min(*limit, taken));
        }
        group.resize(group.rfind('/'));
    }
    return allowance;
}

}  // namespace

std::uint64_t memory_budget::available() const {
    std::uint64_t machine = unknown;
    std::uint64_t reserve = 64 << 20;
    if (auto meminfo = text_in(root_ + "/proc/meminfo")) {
        auto kib = number_after(*meminfo, "MemAvailable:");
        auto total = number_after(*meminfo, "MemTotal:");
        if (kib) machine = *kib * 1024;
        // Two percent, so that the machine stays usable.
        if (total) reserve = std::max(reserve, *total * 1024 / 50);
    }
    std::uint64_t group = group_allowance(root_);
    machine -= machine == unknown ? 0 : std::min(machine, reserve);
    // A group's limit is exact: leave it room for the server's own needs only.
    group -= group == unknown ? 0 : std::min<std::uint64_t>(group, 8 << 20);
    return std::min(machine, group);
}

bool memory_budget::take(std::uint64_t bytes) {
    const auto wanted = static_cast<std::int64_t>(bytes);
    if (credit_.fetch_sub(wanted) >= wanted) return true;
    const std::uint64_t more = std::max(step, bytes);
    if (available() < more) {
        credit_.fetch_add(wanted);
        return false;
    }
    credit_.fetch_add(static_cast<std::int64_t>(more));
    return true;
}

}  // namespace ashlar::targets
