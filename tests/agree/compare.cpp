// SPDX-License-Identifier: MIT
// What differs between a real kernel and the twin, and the table of rules.
#include "enumerated.hpp"
#include "record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace agree {

namespace {

// How many of the first lines are the same; all, if there is no difference.
std::size_t same_lines(const record& a, const record& b) {
    const auto [left, right] = std::ranges::mismatch(a.lines, b.lines);
    return static_cast<std::size_t>(left - a.lines.begin());
}

bool agrees(const record& a, const record& b) { return a.lines == b.lines; }

void print_difference(const std::string& id, const record& real, const record& twin) {
    const std::size_t same = same_lines(real, twin);
    fmt::print("DIFFERS {}\n", id);
    for (std::size_t i = 0; i < same; ++i) fmt::print("      {}\n", real.lines[i]);
    const auto print = [&](const char* who, const record& r) {
        for (std::size_t i = same; i < std::min(r.lines.size(), same + 4); ++i) {
            fmt::print(" {} {}\n", who, r.lines[i]);
        }
    };
    print("real", real);
    print("twin", twin);
}

}  // namespace

int compare(const records& real, const records& twin, const std::string& explained) {
    unsigned agreed = 0, differ = 0, known = 0, missing = 0;
    for (const std::string& id : real.order) {
        const record& r = real.of.at(id);
        const auto found = twin.of.find(id);
        if (found == twin.of.end()) {
            missing += 1;
            continue;
        }
        if (agrees(r, found->second)) {
            agreed += 1;
            continue;
        }
        const std::string why = explanation(explained, real.version, id);
        if (!why.empty()) {
            known += 1;
            continue;
        }
        differ += 1;
        print_difference(id, r, found->second);
    }
    fmt::print("{} beside {}: {} sequences agree, {} differ for a known reason, {} differ",
               real.system, twin.system, agreed, known, differ);
    if (missing != 0) fmt::print(", {} the twin was not asked", missing);
    fmt::print("\n");
    return differ == 0 && missing == 0 ? 0 : 1;
}

namespace {

struct met {
    unsigned asked = 0, as_written = 0, agreed = 0;
    std::string first;  // of those that were not as written, or differ
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
                m.as_written += right;
                const bool same = twin != nullptr && twin->of.contains(s.id) &&
                                  twin->of.at(s.id).outcome(n) == found->second.outcome(n);
                m.agreed += same;
                if ((!right || !same) && m.first.empty()) m.first = s.id;
            }
        }
    }
    return m;
}

}  // namespace

void print_table(const std::vector<records>& reals, const std::vector<records>& twins,
                 const std::string&) {
    const std::vector<sequence> all = enumerated_sequences();
    std::vector<std::string> rules;
    for (const sequence& s : all) {
        for (const step& one : s.steps) {
            for (const expectation& e : one.expected) {
                if (std::ranges::find(rules, e.rule) == rules.end()) rules.push_back(e.rule);
            }
        }
    }
    fmt::print("| rule |");
    for (const records& r : reals) fmt::print(" {} |", r.system);
    fmt::print("\n|---|");
    for (std::size_t i = 0; i < reals.size(); ++i) fmt::print("---|");
    fmt::print("\n");
    for (const std::string& rule : rules) {
        fmt::print("| {} |", rule);
        for (const records& real : reals) {
            const auto twin = std::ranges::find(twins, real.version, &records::version);
            const met m = look(rule, real, twin == twins.end() ? nullptr : &*twin, all);
            if (m.asked == 0) {
                fmt::print(" not of this kernel |");
                continue;
            }
            fmt::print(" met {} times", m.asked);
            if (m.as_written != m.asked) {
                fmt::print(", otherwise than written {} times ({})", m.asked - m.as_written,
                           m.first);
            }
            if (m.agreed == m.asked) fmt::print(", agreed |");
            else fmt::print(", twin agrees {} times ({}) |", m.agreed, m.first);
        }
        fmt::print("\n");
    }
    for (const unreachable& u : unreachable_rules()) {
        fmt::print("| {} |", u.rule);
        for (std::size_t i = 0; i < reals.size(); ++i) fmt::print(" not reachable: {} |", u.why);
        fmt::print("\n");
    }
}

}  // namespace agree
