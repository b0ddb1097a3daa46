// SPDX-License-Identifier: MIT
// The page of troubleshooting: for each command and errno the rules that give it.
#include "explain/print.hpp"
#include "rules/row.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace ashlar::explain {

namespace {

using rules::effect;
using rules::row;
using rules::subject;

constexpr std::string_view introduction =
    "# Troubleshooting\n\n"
    "Made from the rules (`ashlar generate troubleshooting`); a test keeps it so. For each command "
    "and\n"
    "each errno, the rules of the kernel's driver that give it, those that are met most often "
    "first.\n"
    "`ashlar explain errno START_DEV EINVAL` says the same for one kernel, and how to tell them "
    "apart;\n"
    "`ashlar explain FILE` finds the rule by itself from the bytes of the call, a trace or a "
    "report.\n"
    "[riddles.md](riddles.md) has two reports explained.\n\n"
    "What is not a rule: `ENOENT` from opening `/dev/ublk-control` means that the driver is not "
    "loaded\n"
    "(`modprobe ublk_drv`), `EACCES` that the caller is not root. `EPERM` from `io_uring_setup` "
    "means that\n"
    "io_uring is forbidden (`kernel.io_uring_disabled`). A command that does not come back has an "
    "entry\n"
    "of its own below: *no completion*.\n";

// A row of many commands is told once, not with each of them.
bool is_common(const row& r) { return r.about.size() > 10 || (r.stage == rules::stage::ring); }

std::string heading(const row& r) {
    if (r.what == effect::blocks) return "no completion";
    return r.error != 0 ? errno_name(r.error) : "another errno";
}

std::string item(const row& r) {
    std::string kernels = r.kernels.text();
    if (kernels == "all") kernels = "all kernels";
    std::string text = fmt::format("- **{}** ({}): {}. *Do:* {}.", r.id, kernels, r.means, r.mend);
    if (!r.log.empty()) text += fmt::format(" The kernel's log says \"{}\".", r.log);
    return text + "\n";
}

// The rows of one section, by errno.
std::string section(std::string_view title, std::vector<const row*> rows) {
    if (rows.empty()) return {};
    // Rows lie in the order of the kernel.
    std::ranges::sort(rows, {}, [](const row* r) { return std::pair(-weight_of(r->id), r); });
    std::map<std::string, std::vector<std::string>> by_errno;
    for (const row* r : rows) {
        std::vector<std::string>& items = by_errno[heading(*r)];
        const std::string one = item(*r);
        if (std::ranges::find(items, one) == items.end()) items.push_back(one);
    }
    std::string out = fmt::format("\n## {}\n", title);
    for (const auto& [errno_heading, items] : by_errno) {
        out += fmt::format("\n### {}: {}\n\n", title, errno_heading);
        for (const std::string& one : items) out += one;
    }
    return out;
}

}  // namespace

std::string troubleshooting_page() {
    std::string out(introduction);
    std::vector<const row*> any, any_control;
    for (const row& r : rules::all_rows()) {
        if (r.what == effect::silently || !is_common(r)) continue;
        (r.stage == rules::stage::ring ? any : any_control).push_back(&r);
    }
    out += section("Any command", any);
    out += section("Any command to /dev/ublk-control", any_control);
    for (int i = 1; i <= static_cast<int>(subject::open_block); ++i) {
        const auto s = static_cast<subject>(i);
        std::vector<const row*> own;
        for (const row& r : rules::all_rows()) {
            if (r.what == effect::silently || is_common(r)) continue;
            if (std::ranges::find(r.about, s) != r.about.end()) own.push_back(&r);
        }
        if (s != subject::unknown_control && s != subject::unknown_io) out += section(name(s), own);
    }
    return out;
}

}  // namespace ashlar::explain
