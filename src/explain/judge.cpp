// SPDX-License-Identifier: MIT
#include "explain/judge.hpp"

#include "explain/facts.hpp"
#include "explain/opcodes.hpp"
#include "explain/struct_values.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ashlar::explain {

namespace {

using rules::effect;
using rules::maybe;
using rules::row;
using rules::stage;
using rules::subject;

struct candidate {
    const row* rule;
    maybe broken;
    std::string condition;  // of the kernel's configuration, if it depends on it
    bool late = false;      // stands behind a row that waits
    int weight = 0;
    std::size_t place = 0;  // in the order of the kernel
};

struct setting {
    std::string_view name;
    bool rules::kernel::* flag;
};
constexpr setting settings[] = {
    {"without CONFIG_BLKDEV_UBLK_LEGACY_OPCODES, as Ubuntu's", &rules::kernel::legacy_opcodes},
    {"without CONFIG_BLK_DEV_ZONED", &rules::kernel::zoned},
    {"without CONFIG_BLK_DEV_INTEGRITY", &rules::kernel::integrity},
};

// What the configuration decides is unknown as long as nobody says which it is.
maybe evaluate(const row& r, const evidence& seen, std::string& condition) {
    if (!r.breaks) return maybe::unknown();
    const maybe usual = r.breaks(seen.kernel, seen.c);
    if (!usual.no()) return usual;
    for (const setting& s : settings) {
        rules::kernel other = seen.kernel;
        other.*s.flag = !(other.*s.flag);
        if (!r.breaks(other, seen.c).yes()) continue;
        condition = s.name;
        return maybe::unknown();
    }
    return usual;
}

// Those of one subject: a whole contract would cost more than all that is judged by it.
std::vector<const row*> rows_of(const rules::kernel& k, subject about, stage where) {
    std::vector<const row*> rows;
    for (const row& r : rules::all_rows()) {
        const bool own = r.stage == where && std::ranges::find(r.about, about) != r.about.end();
        if (own && r.kernels.contains(k.release)) rows.push_back(&r);
    }
    return rows;
}

std::vector<candidate> walk(const evidence& seen) {
    std::vector<candidate> all;
    bool waited = false;
    for (stage where : {stage::ring, stage::driver}) {
        for (const row* r : rows_of(seen.kernel, seen.about, where)) {
            candidate c{.rule = r, .broken = maybe::unknown(), .condition = {}};
            c.broken = evaluate(*r, seen, c.condition);
            c.late = waited;
            c.weight = weight_with(seen, r->id);
            c.place = all.size();
            if (r->what == effect::blocks) waited = true;
            if (!c.broken.no()) all.push_back(std::move(c));
        }
    }
    return all;
}

int code_of(const row& r, const evidence& seen) {
    if (!r.error_of) return r.error;
    // Where the errno is a fact that nobody knows, any will do.
    rules::call zero = seen.c;
    return r.breaks && r.breaks(seen.kernel, zero).yes() ? r.error_of(seen.c) : -1;
}

// What another part of the kernel may say: of a security module, a path, a node, a disk.
bool may_be(int error, std::string_view rule) {
    constexpr int usual[] = {EPERM,        EACCES, ENOENT, ENOTDIR, ELOOP,
                             ENAMETOOLONG, ENOMEM, EEXIST, EIO,     ENOSPC};
    if (rule == "U-13") return error == EPERM || error == EACCES;
    return rule == "START-9" || std::ranges::find(usual, error) != std::end(usual);
}

bool fits(const candidate& c, const evidence& seen, const outcome& told) {
    const effect what = c.rule->what;
    if (what == effect::silently) return false;
    if (told.when == when::never) return what == effect::blocks;
    if (what == effect::blocks) return false;
    if (told.when == when::late && !c.late && c.rule->error != EINTR) return false;
    if (told.error == 0) return true;
    const int code = code_of(*c.rule, seen);
    return code == told.error || (code == -1 && may_be(told.error, c.rule->id));
}

// An entry for another operation never comes to the driver, whatever that operation answers.
bool other_operation(const candidate& c, const evidence& seen) {
    return c.rule->id == "U-1" && seen.c.opcode.known() && !is_uring_cmd(seen.c.opcode.value());
}

std::string value_of(const candidate& c, const evidence& seen) {
    if (!c.rule->breaks || !c.broken.yes()) return {};
    if (other_operation(c, seen)) {
        const std::uint8_t opcode = seen.c.opcode.value();
        return fmt::format("sqe->opcode = {}, which is {}; IORING_OP_URING_CMD is 46", opcode,
                           opcode_text(opcode, seen.kernel));
    }
    std::string facts = offending_values(*c.rule, seen.kernel, seen.c);
    const std::string fields = struct_values(c.rule->id, seen);
    if (!facts.empty() && !fields.empty()) facts += "; ";
    return facts + fields;
}

verdict verdict_of(const candidate& c, const evidence& seen, const outcome& told) {
    verdict v{.rule = c.rule,
              .id = std::string(c.rule->id),
              .sure = c.broken.yes() ? certainty::certain : certainty::possible,
              .error = std::max(0, code_of(*c.rule, seen)),
              .means = std::string(c.rule->means),
              .value = value_of(c, seen),
              .mend = std::string(c.rule->mend),
              .look = {}};
    if (v.error == 0 && c.rule->what == effect::refuses) v.error = told.error;
    if (!c.condition.empty()) v.look = fmt::format("is the kernel one {}?", c.condition);
    else if (c.rule->breaks && !c.broken.yes()) {
        v.look = fmt::format("{}", fmt::join(where_to_look(*c.rule, seen.kernel, seen.c), "; "));
    }
    if (!c.rule->log.empty()) {
        v.look +=
            fmt::format("{}the kernel's log has \"{}\"", v.look.empty() ? "" : "; ", c.rule->log);
    }
    return v;
}

bool in_log(const row& r, const outcome& told) {
    return !r.log.empty() && std::ranges::any_of(told.log, [&](std::string_view line) {
        return line.find(r.log) != std::string_view::npos;
    });
}

// The rule that an all-zero header would break: what the driver reads if the payload does not
// begin at byte 48.
const row* rule_of_zero_header(const evidence& seen) {
    rules::call zero;
    zero.opcode = opcode_uring_cmd;
    zero.wide_entry = zero.device_exists = zero.admin = true;
    zero.command_number = seen.c.command_number;
    zero.dev_id = 0u;
    zero.queue_id = zero.length = zero.payload_length = zero.path_length = std::uint16_t{0};
    zero.address = zero.data = zero.payload_address = std::uint64_t{0};
    for (const row* r : rows_of(seen.kernel, seen.about, stage::driver)) {
        if (r->what != effect::silently && r->breaks && r->breaks(seen.kernel, zero).yes())
            return r;
    }
    return nullptr;
}

void order(std::vector<candidate>& all, const evidence& seen, const outcome& told) {
    for (candidate& c : all) {
        // Where B-7 is broken one of B-4 and B-5 is, too, and comes first.
        if (c.broken.yes() && c.rule->id != "B-7") c.weight += 1000;
        if (in_log(*c.rule, told)) c.weight += 2000;
        if (!c.condition.empty()) c.weight = std::max(c.weight, 45);
        // What may give any errno gives this one rarely.
        if (c.rule->error_of && !c.broken.yes()) c.weight = (c.weight + 3) / 4;
        if (told.when == when::immediately && c.late) c.weight /= 4;
        if (c.rule->id == "U-7" && seen.personality_set) c.weight += 500;
        if (c.rule->id == "D-2" && seen.entry_bytes == 64) c.weight += 60;
        if (c.rule->id == "U-1" && seen.entry_bytes != 0 && !c.broken.yes()) c.weight += 200;
    }
    std::ranges::sort(all, {}, [](const candidate& c) { return std::pair(-c.weight, c.place); });
}

// The payload may not have been where the driver reads it: then its rules see zeros.
void add_zero_header(judgement& out, const evidence& seen, const outcome& told) {
    if (seen.entry_bytes != 0 || told.error == 0 || !is_control(seen.about)) return;
    if (told.when == when::late || told.when == when::never) return;
    const row* r = rule_of_zero_header(seen);
    if (r == nullptr || r->error != told.error) return;
    const std::string why =
        "a header that does not begin at byte 48 of the entry gives the same, as the driver reads "
        "zeros then";
    auto found = std::ranges::find(out.verdicts, r, &verdict::rule);
    if (found != out.verdicts.end()) {
        if (found->sure == certainty::certain) return;
        found->look += (found->look.empty() ? "" : "; ") + why;
        return;
    }
    const verdict v{.rule = r,
                    .id = std::string(r->id),
                    .sure = certainty::possible,
                    .error = r->error,
                    .means = fmt::format("{} (what was shown is right, so the driver may not have "
                                         "read it: the header must begin at byte 48 of the entry)",
                                         r->means),
                    .mend = "put the header at byte 48 of a 128-byte entry, not at 64",
                    .look = why};
    const bool certain = !out.verdicts.empty() && out.verdicts.front().sure == certainty::certain;
    out.verdicts.insert(out.verdicts.begin() + (certain ? 1 : 0), v);
    if (certain) out.verdicts[1].behind = true;
}

void set_certainty(std::vector<verdict>& verdicts, const std::vector<candidate>& all) {
    if (all.empty() || verdicts.front().sure == certainty::certain) return;
    const bool apart = all.size() == 1 || all[0].weight >= 2 * all[1].weight;
    if (apart) verdicts.front().sure = certainty::likely;
}

void add_behind(judgement& out, const std::vector<candidate>& all, const evidence& seen,
                const outcome& told) {
    for (const candidate& c : all) {
        if (std::ranges::count(out.verdicts, true, &verdict::behind) >= 3) return;
        const bool known =
            std::ranges::any_of(out.verdicts, [&](const verdict& v) { return v.id == c.rule->id; });
        if (known || c.rule->what == effect::silently) continue;
        if (!c.broken.yes() && c.condition.empty()) continue;
        verdict v = verdict_of(c, seen, told);
        v.behind = true;
        out.verdicts.push_back(std::move(v));
    }
}

// An ENODEV of a command that waited for a request is no refusal: its round has ended.
void add_end_of_round(judgement& out, const evidence& seen, const outcome& told) {
    constexpr subject waiting[] = {subject::fetch_req, subject::commit_and_fetch_req,
                                   subject::need_get_data, subject::fetch_io_cmds};
    if (told.error != ENODEV || std::ranges::find(waiting, seen.about) == std::end(waiting)) return;
    out.verdicts.push_back(
        {.id = "end-of-round",
         .sure = out.verdicts.empty() ? certainty::likely : certainty::possible,
         .error = ENODEV,
         .means = "The command waited, and its round ended: the device was stopped, deleted or "
                  "quiesced, or a thread that served it ended",
         .value = {},
         .mend = "do not send it again; leave the queue, and close /dev/ublkcN when all have ended",
         .look = "was there a STOP_DEV or DEL_DEV, or did a thread of the server end?"});
}

void add_notes(judgement& out, const std::vector<candidate>& all, const evidence& seen) {
    if (seen.c.info.known() && seen.info.flags == 0 && seen.info.ublksrv_flags != 0) {
        out.notes.push_back(fmt::format(
            "flags (byte 24 of the dev_info) is 0; the {:#x} stands in ublksrv_flags (byte 32), "
            "which the kernel stores and never reads",
            seen.info.ublksrv_flags));
    }
    for (const candidate& c : all) {
        if (c.rule->what != effect::silently || !c.broken.yes()) continue;
        const std::string value = value_of(c, seen);
        out.notes.push_back(fmt::format("{}: {}{}", c.rule->id, c.rule->means,
                                        value.empty() ? "" : fmt::format(" ({})", value)));
    }
    if (seen.header_at) {
        out.notes.push_back(fmt::format(
            "a header that makes sense stands at byte {} of the entry; the driver reads it at "
            "byte 48, where it finds something else",
            *seen.header_at));
    }
    if (seen.entry_bytes == 144) {
        out.notes.emplace_back(
            "the entry has 144 bytes; one of IORING_SETUP_SQE128 has 128: 48 before the payload, "
            "80 of it");
    }
}

}  // namespace

std::string_view name(certainty c) {
    constexpr std::string_view names[] = {"certain", "likely", "possible"};
    return names[static_cast<std::size_t>(c)];
}

std::string effect_text(const verdict& v) {
    if (v.error != 0) return errno_name(v.error);
    if (v.rule == nullptr) return {};
    return v.rule->what == effect::blocks ? "waits" : "no error";
}

judgement judge(const evidence& seen, const outcome& told) {
    const std::vector<candidate> walked = walk(seen);
    judgement out;
    std::vector<candidate> fitting;
    bool answered = false;
    for (const candidate& c : walked) {
        const bool other = other_operation(c, seen);
        if (told.accepted || answered || !(fits(c, seen, told) || other)) continue;
        // Without an errno only what the bytes themselves show is worth a word.
        if (told.error == 0 && told.when != when::never && !c.broken.yes() && !other) continue;
        fitting.push_back(c);
        if (other) fitting.back().broken = true;
        answered = fitting.back().broken.yes();
    }
    order(fitting, seen, told);
    for (const candidate& c : fitting) {
        const bool again = std::ranges::any_of(out.verdicts, [&](const verdict& v) {
            return v.id == c.rule->id && (v.means == c.rule->means || !c.broken.yes());
        });
        if (!again) out.verdicts.push_back(verdict_of(c, seen, told));
    }
    set_certainty(out.verdicts, fitting);
    add_zero_header(out, seen, told);
    add_end_of_round(out, seen, told);
    if (!out.verdicts.empty() && out.verdicts.front().sure == certainty::certain) {
        // Nothing else can be the answer if the driver is never entered.
        if (!fitting.empty() && other_operation(fitting.front(), seen)) {
            std::erase_if(out.verdicts, [](const verdict& v) {
                return v.sure != certainty::certain && !v.behind;
            });
        }
        add_behind(out, walked, seen, told);
    }
    if (told.error != 0 && out.verdicts.empty()) {
        const auto other = std::ranges::find_if(walked, [&](const candidate& c) {
            return c.broken.yes() && c.rule->what == effect::refuses;
        });
        std::string instead;
        if (other != walked.end()) {
            instead = fmt::format("; what is shown breaks {}, which gives {}", other->rule->id,
                                  errno_name(other->rule->error));
        }
        out.notes.push_back(fmt::format("no rule of Linux {} gives {} for this call{}",
                                        seen.kernel.name(), errno_name(told.error), instead));
    }
    add_notes(out, walked, seen);
    return out;
}

}  // namespace ashlar::explain
