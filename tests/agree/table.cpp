// SPDX-License-Identifier: MIT
// Rule by kernel: what sequences met it, and whether the twin agrees.
#include "enumerated.hpp"
#include "record.hpp"
#include "rules/row.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace agree {

std::vector<std::string> rule_ids() {
    std::vector<std::string> ids;
    for (const ashlar::rules::row& r : ashlar::rules::all_rows()) {
        if (std::ranges::find(ids, r.id) == ids.end()) ids.emplace_back(r.id);
    }
    return ids;
}

namespace {

bool holds_in(const std::string& id, unsigned version) {
    const auto rows = ashlar::rules::all_rows();
    const auto kernel =
        ashlar::rules::kernel_named(fmt::format("{}.{}", version / 100, version % 100));
    return kernel && std::ranges::any_of(rows, [&](const ashlar::rules::row& r) {
               return r.id == id && r.kernels.contains(kernel->release);
           });
}

// All that was seen up to the step after this one.
std::vector<std::string> seen_through(const record& r, unsigned step) {
    const std::string next = fmt::format("{} ", step + 2);
    const auto end = std::ranges::find_if(
        r.lines, [&](const std::string& line) { return line.starts_with(next); });
    return {r.lines.begin(), end};
}

struct met {
    unsigned asked = 0, as_written = 0, agreed = 0;
    std::string other;    // the first that came out otherwise than written
    std::string differs;  // the first of which the twin says something else
};

met look(const std::string& rule, const records& real, const records* twin,
         const std::vector<sequence>& all) {
    met m;
    for (const sequence& s : all) {
        const auto found = real.of.find(s.id);
        if (found == real.of.end()) continue;
        for (unsigned n = 0; n < s.steps.size(); ++n) {
            for (const expectation& e : s.steps[n].expected) {
                if (e.rule != rule || real.version < e.since || real.version >= e.until) continue;
                m.asked += 1;
                const bool right = found->second.outcome(n) == e.outcome;
                const bool same =
                    twin != nullptr && twin->of.contains(s.id) &&
                    seen_through(twin->of.at(s.id), n) == seen_through(found->second, n);
                m.as_written += right;
                m.agreed += same;
                if (!right && m.other.empty()) m.other = s.id;
                if (!same && m.differs.empty()) m.differs = s.id;
            }
        }
    }
    return m;
}

std::string cell(const std::string& rule, const records& real, const records* twin,
                 const std::vector<sequence>& all, const std::string& explained) {
    const met m = look(rule, real, twin, all);
    if (m.asked == 0) {
        const auto& none = unreachable_rules();
        const auto why = std::ranges::find(none, rule, &unreachable::rule);
        if (why != none.end()) return fmt::format("not reachable: {}", why->why);
        return holds_in(rule, real.version) ? "not met" : "not of this kernel";
    }
    std::string text = fmt::format("met {}, agreed {}", m.asked, m.agreed);
    if (!m.other.empty()) text += fmt::format("; otherwise than written in `{}`", m.other);
    if (m.differs.empty()) return text;
    const std::string why = explanation(explained, real.version, m.differs);
    return text + fmt::format("; `{}`: {}", m.differs, why.empty() ? "DIFFERS" : why);
}

}  // namespace

std::string table_of(const std::vector<records>& reals, const std::vector<records>& twins,
                     const std::string& explained) {
    const std::vector<sequence> all = enumerated_sequences();
    std::vector<std::string> ids = rule_ids();
    for (const accepted& a : accepted_calls()) ids.emplace_back(a.id);
    std::string text = "| rule |";
    for (const records& r : reals) text += fmt::format(" {} |", r.system);
    text += "\n|---|";
    for (std::size_t i = 0; i < reals.size(); ++i) text += "---|";
    text += "\n";
    for (const std::string& id : ids) {
        text += fmt::format("| {} |", id);
        for (const records& real : reals) {
            const auto twin = std::ranges::find(twins, real.version, &records::version);
            text += fmt::format(
                " {} |", cell(id, real, twin == twins.end() ? nullptr : &*twin, all, explained));
        }
        text += "\n";
    }
    return text;
}

}  // namespace agree
