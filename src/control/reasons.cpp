// SPDX-License-Identifier: MIT
#include "control/reasons.hpp"

#include "control/facts.hpp"
#include "rules/known_bugs.hpp"
#include "rules/values.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace ashlar::control {

namespace {

// Rows speak to who writes a server. What a user of ashlar has to know and to do, where that
// differs.
struct plain_words {
    std::string_view rule;
    std::string_view why;  // empty: the row's own
    std::string_view remedy;
};

constexpr plain_words plain[] = {
    {"ADD-4", "", "queues and depth are 1 to 4096 each"},
    {"ADD-5", "making a device needs CAP_SYS_ADMIN", "run as root, or with sudo"},
    {"ADD-15", "the driver's limit of devices is reached (its parameter ublks_max)",
     "raise it: echo 1024 > /sys/module/ublk_drv/parameters/ublks_max"},
    {"ADD-17", "this id is taken, or its old device is still held by somebody",
     "see ashlar list, and ashlar why for who holds it; leave out --id to get the lowest free one"},
    {"ADD-16", "", "free some memory"},
    {"D-5", "there is no such ublk device", "see ashlar list"},
    {"D-7", "", "see ashlar features"},
    {"P-1", "control of ublk devices needs CAP_SYS_ADMIN", "run as root, or with sudo"},
    {"START-5", "",
     "run ashlar in the machine's first pid name space, not in a container's: ashlar doctor"},
    {"START-6", "", "see ashlar list"},
    {"START-7", "", "remove it and make a new one"},
    {"START-8", "", "see the kernel's log (dmesg)"},
    {"TRY-2", "the disk is in use", "unmount it, or close what has it open"},
    {"SREC-2", "", "wait until the old server has ended; see ashlar why"},
    {"SIZE-1", "the device is not live", "see ashlar show"},
};

const plain_words* plain_words_of(std::string_view rule) {
    const auto* found = std::ranges::find(plain, rule, &plain_words::rule);
    return found == std::end(plain) ? nullptr : found;
}

// Who may be the answer: certain ones first, the others in the driver's order.
std::vector<const rules::row*> suspects(const rules::contract& contract, rules::subject about,
                                        const rules::call& call, int code) {
    std::vector<const rules::row*> found;
    for (const auto& candidate : contract.candidates(about, call)) {
        const rules::row* r = candidate.which;
        if (r->what != rules::effect::refuses) continue;
        if (!r->error_of && r->error != code) continue;
        if (candidate.broken.yes()) {
            found.insert(found.begin(), r);
        } else {
            found.push_back(r);
        }
    }
    // Conditions that nobody can look at, such as memory.
    for (const rules::row* r : contract.rows_of(about, rules::stage::driver)) {
        if (!r->breaks && !r->error_of && r->error == code) found.push_back(r);
    }
    return found;
}

std::string others_text(const std::vector<const rules::row*>& rows) {
    std::string text;
    constexpr std::size_t most = 3;
    for (std::size_t i = 1, told = 0; i < rows.size() && told < most; ++i) {
        if (rows[i]->id == rows[0]->id) continue;
        text += fmt::format("{}{}", text.empty() ? ", or else " : ", ", rows[i]->id);
        ++told;
    }
    return text;
}

void tell_rule(error& e, const std::vector<const rules::row*>& rows, const rules::kernel& k,
               const rules::call& call) {
    const rules::row& first = *rows.front();
    const plain_words* ours = plain_words_of(first.id);
    e.rule = first.id;
    e.why = ours && !ours->why.empty() ? ours->why : first.means;
    const std::string value = offending_value(first, k, call);
    if (!value.empty()) e.why += ": " + value;
    e.why += fmt::format(" (rule {}{})", first.id, others_text(rows));
    e.remedy = ours ? ours->remedy : first.mend;
}

// The kernel's own faults that such a command meets, where it did not come back.
std::string faults_text(const rules::kernel& k, rules::subject about) {
    for (const rules::known_bug* b : known_bugs_of(k)) {
        if (!b->hangs || std::ranges::count(b->about, about) == 0) continue;
        return fmt::format("; this kernel is known for it: {} ({})", b->what, b->id);
    }
    return {};
}

void tell_wait(error& e, const sent_command& sent, const rules::contract& contract,
               const rules::call& call) {
    const rules::subject about = rules::subject_of(sent.op);
    for (const auto& candidate : contract.candidates(about, call)) {
        if (candidate.which->what == rules::effect::blocks && e.rule.empty()) {
            e.rule = candidate.which->id;
        }
    }
    e.why = sent.op == uapi::ctrl_op::start_dev
                ? "the kernel did not answer in time: not all requests were fetched, "
                  "or the first reads of the disk are not answered"
                : "the kernel did not answer in time: somebody holds the device, or its "
                  "server does not answer requests";
    if (!e.rule.empty()) e.why += fmt::format(" (rule {})", e.rule);
    e.why += faults_text(contract.of(), about);
    e.remedy = fmt::format("see what it waits for: ashlar why {}", sent.header.dev_id);
}

}  // namespace

error explain_open(error failed, os::machine& m) {
    failed.operation = "open the ublk driver";
    if (failed.code == ENOENT || failed.code == ENXIO || failed.code == ENODEV) {
        failed.why =
            fmt::format("the driver ublk_drv is not loaded in this kernel ({})", m.version().text);
        failed.remedy = m.version().older_than(6, 4)
                            ? "modprobe ublk_drv; Debian 12's own 6.1 kernel has no ublk: "
                              "apt install linux-image-6.12-amd64 and reboot"
                            : "modprobe ublk_drv; if it is not found, install the kernel's package "
                              "of extra modules, or a kernel with CONFIG_BLK_DEV_UBLK";
    } else if (failed.code == EACCES || failed.code == EPERM) {
        failed.why = "block devices are made by root";
        failed.remedy = "run it as root, or with sudo";
    }
    return failed;
}

error explain_command(const sent_command& sent, int code, os::machine& m) {
    error e{.operation = std::string(uapi::name(sent.op)), .code = code};
    if (sent.op != uapi::ctrl_op::get_features) {
        const std::uint32_t id = sent.header.dev_id;
        e.object = id == uapi::device_id_auto ? "new device" : fmt::format("device {}", id);
    }
    const rules::contract contract(kernel_of(m));
    payload_copy payload;
    const rules::call call = facts_of(sent, contract.of(), payload, m);
    if (code == ETIMEDOUT) {
        tell_wait(e, sent, contract, call);
        return e;
    }
    const auto rows = suspects(contract, rules::subject_of(sent.op), call, code);
    if (!rows.empty()) {
        tell_rule(e, rows, contract.of(), call);
    } else {
        e.why = "no rule of the driver that ashlar knows gives this error";
        e.remedy = "see the kernel's log (dmesg), and ashlar doctor";
    }
    return e;
}

}  // namespace ashlar::control
