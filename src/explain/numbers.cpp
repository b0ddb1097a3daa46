// SPDX-License-Identifier: MIT
// A single number: a command's, a set of flags, a state, an opcode, an errno.
#include "explain/explain.hpp"
#include "explain/opcodes.hpp"
#include "uapi/print.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::explain {

namespace {

finding plain(std::string title) {
    return {.what = finding::kind::number,
            .title = std::move(title),
            .lines = {},
            .fields = {},
            .verdicts = {},
            .notes = {}};
}

finding flags_finding(std::uint64_t value, const rules::kernel& k) {
    finding f = plain(fmt::format("flags {:#x}: {}", value, uapi::flags_text(value)));
    const std::uint64_t known = k.features();
    for (const uapi::feature& row : uapi::features()) {
        if ((value & row.bit) == 0) continue;
        f.fields.push_back(
            {row.name, 0, 8,
             fmt::format("{:#x}, since {}: {}{}", row.bit, row.since, row.gives,
                         (known & row.bit) != 0 ? ""
                                                : fmt::format("; not on Linux {}", k.name()))});
    }
    if (const auto strange = value & ~uapi::all_known_flags) {
        f.notes.push_back(fmt::format("no kernel up to 7.3 knows {:#x}", strange));
    }
    return f;
}

std::string_view state_means(std::uint64_t value) {
    switch (value) {
        case 0: return "added and not started, or stopped, or its server is gone";
        case 1: return "started: the disk is there";
        case 2: return "waits for a new server; requests wait, too";
        case 3: return "waits for a new server; requests fail at once";
        default: return "no state of the driver";
    }
}

// The first kernel that knows a command; empty for those that all know.
std::string_view command_since(uapi::ctrl_op op) {
    switch (op) {
        case uapi::ctrl_op::start_user_recovery:
        case uapi::ctrl_op::end_user_recovery: return "6.1";
        case uapi::ctrl_op::get_dev_info2: return "6.3";
        case uapi::ctrl_op::get_features: return "6.5";
        case uapi::ctrl_op::del_dev_async: return "6.9";
        case uapi::ctrl_op::update_size:
        case uapi::ctrl_op::quiesce_dev: return "6.16";
        case uapi::ctrl_op::try_stop_dev: return "7.0";
        case uapi::ctrl_op::reg_buf:
        case uapi::ctrl_op::unreg_buf: return "7.1";
        default: return {};
    }
}

bool is_command(std::uint64_t value) {
    if (value > 0xffffffff) return false;
    const auto n = uapi::decode(static_cast<std::uint32_t>(value));
    const bool known = uapi::is_known(static_cast<uapi::ctrl_op>(n.nr)) ||
                       uapi::is_known(static_cast<uapi::io_op>(n.nr));
    return n.type == uapi::command_type || (known && value <= 0xff);
}

finding command_finding(std::uint32_t number, const rules::kernel& k) {
    finding f = plain(fmt::format("command {}", uapi::command_text(number)));
    const auto n = uapi::decode(number);
    f.fields = {{"nr", 0, 1, fmt::format("{:#x}", n.nr)},
                {"type", 1, 1, fmt::format("{:#x}", n.type)},
                {"size", 2, 2, fmt::format("{}", n.size)},
                {"direction", 3, 1, std::string(uapi::name(n.direction))}};
    const auto control = static_cast<uapi::ctrl_op>(n.nr);
    const auto io = static_cast<uapi::io_op>(n.nr);
    if (uapi::is_known(control) || uapi::is_known(io)) {
        const bool is_control_op = uapi::is_known(control);
        f.notes.push_back(fmt::format("goes to {}", is_control_op ? "/dev/ublk-control, in a "
                                                                    "128-byte entry"
                                                                  : "/dev/ublkcN"));
        if (is_control_op && !command_since(control).empty()) {
            f.notes.push_back(fmt::format("since Linux {}", command_since(control)));
        }
    }
    evidence seen(k);
    seen.take_command(number);
    for (verdict& v : judge(seen, {}).verdicts) f.verdicts.push_back(std::move(v));
    if (number <= 0xff && k.at_least(6, 4)) {
        f.notes.emplace_back(
            "a bare number: a kernel without CONFIG_BLKDEV_UBLK_LEGACY_OPCODES (as Ubuntu's) "
            "answers EOPNOTSUPP");
    }
    return f;
}

}  // namespace

explanation number(std::string_view kind, std::uint64_t value, const options& how) {
    // A text without a word in it chooses the kernel.
    explanation out = text("", how);
    out.not_understood.clear();
    const rules::kernel k = *rules::kernel_named(out.kernel);
    const bool any = kind.empty();
    if (kind == "command" || (any && is_command(value))) {
        out.findings.push_back(command_finding(static_cast<std::uint32_t>(value), k));
    }
    if (kind == "opcode" || (any && value < 65)) {
        const auto opcode = static_cast<std::uint8_t>(value);
        finding f = plain(fmt::format("opcode {}: {}", value,
                                      value < 256 ? opcode_text(opcode, k) : "no opcode"));
        if (value >= 256 || !is_uring_cmd(opcode)) {
            f.notes.emplace_back("commands of ublk travel as IORING_OP_URING_CMD, which is 46");
        }
        out.findings.push_back(std::move(f));
    }
    if (kind == "state" || (any && value < 4)) {
        const std::string name =
            uapi::to_string(static_cast<uapi::device_state>(static_cast<std::uint16_t>(value)));
        out.findings.push_back(
            plain(fmt::format("state {}: {}: {}", value, name, state_means(value))));
    }
    if (kind == "flags" || kind == "features" || (any && !is_command(value) && value > 3)) {
        out.findings.push_back(flags_finding(value, k));
    }
    return out;
}

}  // namespace ashlar::explain
