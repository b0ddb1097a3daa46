// SPDX-License-Identifier: MIT
// A document becomes findings: each failure judged with what else the document tells of the call.
#include "explain/explain.hpp"

#include "explain/document.hpp"
#include "explain/opcodes.hpp"
#include "explain/session.hpp"
#include "explain/strace.hpp"
#include "explain/symptoms.hpp"
#include "uapi/print.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace ashlar::explain {

namespace {

using rules::subject;

// "6.11.0-24-generic" is 6.11.0.
std::optional<rules::kernel> kernel_of_release(std::string_view release) {
    std::size_t end = 0;
    int dots = 0;
    while (end < release.size() &&
           ((release[end] >= '0' && release[end] <= '9') || (release[end] == '.' && dots < 2))) {
        dots += release[end++] == '.' ? 1 : 0;
    }
    return rules::kernel_named(release.substr(0, end));
}

constexpr std::string_view newest = "7.3";

rules::kernel choose_kernel(explanation& out, const options& how, std::string_view told) {
    if (how.kernel) {
        out.kernel_from = "as asked";
        out.kernel = how.kernel->name();
        return *how.kernel;
    }
    std::optional<rules::kernel> k;
    if (!told.empty() && (k = kernel_of_release(told))) out.kernel_from = "as the text names it";
    else if (!how.running.empty() && (k = kernel_of_release(how.running))) {
        out.kernel_from = "the one that runs here";
    } else {
        k = rules::kernel_named(newest);
        out.kernel_from = "the newest known; --kernel names another";
    }
    out.kernel = k->name();
    return *k;
}

bool is_sent_to(subject s, shape of) {
    if (of == shape::header) return is_control(s);
    if (of == shape::info) return true;
    if (of == shape::params) return s == subject::set_params;
    if (of == shape::buffer) return s == subject::reg_buf;
    const bool batch =
        s == subject::prep_io_cmds || s == subject::commit_io_cmds || s == subject::fetch_io_cmds;
    if (of == shape::batch) return batch;
    return of == shape::io && s >= subject::fetch_req && s < subject::prep_io_cmds;
}

subject subject_of_entry(const dump& d) {
    return subject_of_number(load<std::uint32_t>(d.bytes, 8));
}

// What the document tells about a call of this kind near these lines.
void gather(evidence& seen, const document& d, const std::vector<std::size_t>& lines) {
    std::vector<dump> entries;
    for (const dump& one : d.dumps) {
        if (one.of == shape::entry && subject_of_entry(one) == seen.about) entries.push_back(one);
    }
    if (const dump* entry = nearest(entries, lines)) seen.take(shape::entry, entry->bytes);
    for (shape s :
         {shape::header, shape::info, shape::params, shape::buffer, shape::io, shape::batch}) {
        if (!is_sent_to(seen.about, s)) continue;
        std::vector<dump> own;
        std::ranges::copy_if(d.dumps, std::back_inserter(own),
                             [&](const dump& one) { return one.of == s; });
        // A dump of bytes tells more than their words.
        const auto is_dump = [](const dump& one) { return !one.named; };
        if (std::ranges::any_of(own, is_dump)) std::erase_if(own, [](auto& o) { return o.named; });
        if (const dump* one = nearest(own, lines)) seen.take(s, one->bytes);
    }
    if (seen.entry_bytes == 0) {
        if (const auto* o = nearest(d.opcodes, lines)) seen.c.opcode = o->value;
        if (const auto* a = nearest(d.entry_addresses, lines)) seen.c.entry_address = a->value;
        std::vector<placed<std::uint32_t>> numbers;
        std::ranges::copy_if(d.command_numbers, std::back_inserter(numbers), [&](const auto& n) {
            return subject_of_number(n.value) == seen.about;
        });
        if (const auto* n = nearest(numbers, lines)) seen.c.command_number = n->value;
    }
    if (seen.about == subject::map_descriptors) {
        // Only calls that are written out next to the failure count.
        if (const auto* w = nearest(d.map_writable, lines, 0)) seen.c.map_writable = w->value;
    }
    const bool others = std::ranges::any_of(
        d.sightings, [](const sighting& s) { return s.told.accepted && is_control(s.about); });
    if (others && is_control(seen.about)) seen.c.wide_entry = seen.c.admin = true;
    if (d.succeeded(subject::set_params))
        seen.c.stored_types = std::uint32_t{uapi::param_type_basic};
}

std::string title_of(const sighting& s) {
    const std::string_view name = explain::name(s.about);
    if (s.told.when == when::never) return fmt::format("{} does not come back", name);
    return fmt::format("{} failed with {}", name, errno_name(s.told.error));
}

finding judged(const sighting& s, const document& d, const rules::kernel& k) {
    evidence seen(k);
    seen.about = s.about;
    gather(seen, d, s.lines);
    seen.about = s.about;
    seen.settle();
    outcome told = s.told;
    for (const auto& line : d.kernel_log) told.log.push_back(line.value);
    judgement j = judge(seen, told);
    return {.what = finding::kind::failure,
            .title = title_of(s),
            .lines = s.lines,
            .fields = {},
            .verdicts = std::move(j.verdicts),
            .notes = std::move(j.notes)};
}

std::string_view long_name(shape s) {
    switch (s) {
        case shape::entry: return "submission entry (io_uring_sqe)";
        case shape::header: return "control header (ublksrv_ctrl_cmd)";
        case shape::info: return "device info (ublksrv_ctrl_dev_info)";
        case shape::params: return "parameters (ublk_params)";
        case shape::io: return "I/O command (ublksrv_io_cmd)";
        case shape::descriptor: return "request descriptor (ublksrv_io_desc)";
        case shape::batch: return "batch header (ublk_batch_io)";
        case shape::buffer: return "shared buffer (ublk_shmem_buf_reg)";
    }
    return {};
}

// What --as takes for such a thing.
std::size_t least_bytes(shape s) {
    switch (s) {
        case shape::entry:
        case shape::info: return 64;
        case shape::header: return 32;
        case shape::params: return 8;
        case shape::descriptor:
        case shape::buffer: return 24;
        case shape::io:
        case shape::batch: return 16;
    }
    return 0;
}

// A command for which bytes alone can be judged: an entry names it, these forms have but one.
std::optional<subject> subject_of_dump(const dump& d) {
    if (d.of == shape::entry) return subject_of_entry(d);
    if (d.of == shape::params) return subject::set_params;
    if (d.of == shape::buffer) return subject::reg_buf;
    // What the kernel gives back has an owner, a server or a state; what is sent to ADD_DEV rarely.
    const bool answered = d.of == shape::info && (load<std::uint16_t>(d.bytes, 4) != 0);
    if (d.of == shape::info && !answered) return subject::add_dev;
    return std::nullopt;
}

void take_payloads(evidence& seen, const dump& entry, const document& all) {
    for (const dump& other : all.dumps) {
        const bool near = other.line >= entry.line && other.line - entry.line <= 40;
        if (!near || other.named || other.of == shape::entry || other.of == shape::header) continue;
        if (is_sent_to(seen.about, other.of)) seen.take(other.of, other.bytes);
    }
}

// Few bytes look like many things: where nothing else is of ublk, it is a guess.
bool is_guess(const dump& d, const document& all, const options& how) {
    if (how.as || all.about_ublk || d.of == shape::entry || d.bytes.size() > 24) return false;
    return std::ranges::none_of(all.dumps,
                                [](const dump& other) { return other.of == shape::entry; });
}

finding decoded(const dump& d, const rules::kernel& k, const document& all, const options& how,
                bool judged_already = false) {
    finding f{.what = finding::kind::bytes,
              .title = d.named ? fmt::format("{}, in words", long_name(d.of))
                               : fmt::format("{}, {} bytes", long_name(d.of), d.bytes.size()),
              .lines = {d.line},
              .fields = {},
              .verdicts = {},
              .notes = {}};
    std::uint32_t command = 0;
    if (d.of == shape::entry) command = load<std::uint32_t>(d.bytes, 8);
    else if (const auto* n = nearest(all.command_numbers, {d.line}, 10)) command = n->value;
    f.fields = fields_of(d.of, d.bytes, k, command);
    if (is_guess(d, all, how)) {
        f.notes.push_back(fmt::format(
            "{} bytes may be something else: this is what they look like; --as names another form",
            d.bytes.size()));
    }
    const auto about = subject_of_dump(d);
    f.judged = !judged_already;
    if (!about || judged_already) return f;
    evidence seen(k);
    seen.about = *about;
    seen.take(d.of, d.bytes);
    // The payload that stands beside the entry, where one does.
    if (d.of == shape::entry) take_payloads(seen, d, all);
    seen.settle();
    judgement j = judge(seen, {.when = how.when});
    f.verdicts = std::move(j.verdicts);
    std::ranges::move(j.notes, std::back_inserter(f.notes));
    return f;
}

// Each dump once, however often it was printed.
void list_dumps(explanation& out, const document& d, const rules::kernel& k, const options& how,
                const session& calls) {
    constexpr std::size_t most = 100;
    std::map<std::vector<std::uint8_t>, std::size_t> seen;
    const bool judged_already = std::ranges::any_of(
        out.findings, [](const finding& f) { return f.what == finding::kind::failure; });
    for (const dump& one : d.dumps) {
        // In words they are evidence, and only a text of nothing else is about them.
        if (one.named && (judged_already || one.of == shape::io)) continue;
        const auto [at, is_new] = seen.try_emplace(one.bytes, out.findings.size());
        if (is_new && seen.size() > most) {
            seen.erase(at);
            continue;
        }
        if (is_new) out.findings.push_back(decoded(one, k, d, how, calls.tells(one.line)));
        else out.findings[at->second].lines.push_back(one.line);
    }
}

void list_unread(explanation& out, const document& d, const std::set<std::size_t>& calls) {
    constexpr std::size_t most = 20;
    auto covered = [&](std::size_t line) {
        return std::ranges::any_of(out.findings, [&](const finding& f) {
            return std::ranges::find(f.lines, line) != f.lines.end();
        });
    };
    for (const blob& b : d.unknown_blobs) {
        if (out.not_understood.size() >= most) break;
        if (calls.contains(b.first_line)) continue;
        out.not_understood.push_back(
            {b.first_line,
             fmt::format("{} bytes that are none of the driver's structures", b.bytes.size())});
    }
    for (const auto& e : d.loose_errors) {
        if (out.not_understood.size() >= most) break;
        if (covered(e.line)) continue;
        out.not_understood.push_back({e.line, fmt::format("an errno of nobody: {}", e.value)});
    }
}

// An errno that stands for itself: what there is to say without a command is the failure's.
bool is_worth_judging(const sighting& s, const document& d) {
    if (s.told.accepted) return false;
    if (is_file(s.about) && !d.about_ublk) return false;
    return true;
}

}  // namespace

explanation text(std::string_view input, const options& how) {
    explanation out;
    document d = read_document(input);
    out.lines = d.lines.size();
    const rules::kernel k = choose_kernel(out, how, d.kernel);
    session calls(d, k);
    d.forget(calls.lines());
    trace t = read_strace(d, k, calls);
    d.forget(t.lines);
    for (finding& f : calls.findings()) out.findings.push_back(std::move(f));
    for (finding& f : t.findings) out.findings.push_back(std::move(f));
    for (const sighting& s : d.sightings) {
        if (!is_worth_judging(s, d) || (t.is_strace && is_file(s.about))) continue;
        finding f = judged(s, d, k);
        // An errno that no rule gives, of a command that failed otherwise, too, is a bystander.
        if (f.verdicts.empty() && f.notes.empty()) continue;
        out.findings.push_back(std::move(f));
    }
    if (d.about_ublk) {
        for (finding& f : symptoms_of(d, t.lines)) out.findings.push_back(std::move(f));
    }
    list_dumps(out, d, k, how, calls);
    list_unread(out, d, t.lines);
    return out;
}

explanation bytes(std::span<const std::uint8_t> raw, const options& how) {
    explanation out;
    const rules::kernel k = choose_kernel(out, how, {});
    out.lines = 1;
    const std::optional<shape> of = how.as ? how.as : shape_of(raw);
    if (!of || raw.size() < least_bytes(*of)) {
        out.not_understood.push_back(
            {1, of ? fmt::format("{} bytes are too few for a {}", raw.size(), long_name(*of))
                   : fmt::format("{} bytes that are none of the driver's structures", raw.size())});
        return out;
    }
    document d;
    d.dumps.push_back({*of, {raw.begin(), raw.end()}, 1});
    out.findings.push_back(decoded(d.dumps.front(), k, d, how));
    return out;
}

explanation failure_of(subject about, int error, const options& how) {
    explanation out;
    const rules::kernel k = choose_kernel(out, how, {});
    const document nothing;
    const sighting s{about, {.error = error, .when = how.when}, {}};
    out.findings.push_back(judged(s, nothing, k));
    return out;
}

}  // namespace ashlar::explain
