// SPDX-License-Identifier: MIT
#include "score.hpp"

#include "explain/explain.hpp"
#include "rules/row.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace agree {

namespace {

namespace explain = ashlar::explain;
namespace rules = ashlar::rules;

// A call that a real kernel answered as the rule says.
struct question {
    const sequence* of;
    unsigned step;
    std::string rule, outcome;
};

bool is_asked(const expectation& e, unsigned version) {
    if (version < e.since || version >= e.until) return false;
    const auto accepted = std::ranges::find(accepted_calls(), e.rule, &accepted::id);
    if (accepted != accepted_calls().end()) return false;
    if (e.outcome.starts_with('-')) return true;
    const auto blocks = [&](const rules::row& r) {
        return r.id == e.rule && r.what == rules::effect::blocks;
    };
    return e.outcome == "waits" && std::ranges::any_of(rules::all_rows(), blocks);
}

std::vector<question> questions_of(const records& real, const std::vector<sequence>& all) {
    std::vector<question> out;
    for (const sequence& s : all) {
        const auto found = real.of.find(s.id);
        if (found == real.of.end() || real.version < s.since || real.version >= s.until) continue;
        for (unsigned i = 0; i < s.steps.size(); ++i) {
            for (const expectation& e : s.steps[i].expected) {
                if (!is_asked(e, real.version) || found->second.outcome(i) != e.outcome) continue;
                out.push_back({&s, i, e.rule, e.outcome});
            }
        }
    }
    return out;
}

struct place_of {
    std::size_t place = 99;
    std::string instead;
};

place_of ask(const question& q, const std::string& log) {
    const auto line = static_cast<std::size_t>(std::ranges::count(log, '\n'));
    const auto told = explain::text(log, {});
    place_of best;
    for (const explain::finding& f : told.findings) {
        const bool here = std::ranges::find(f.lines, line) != f.lines.end();
        if (f.what == explain::finding::kind::bytes || !here) continue;
        const auto found = std::ranges::find(f.verdicts, q.rule, &explain::verdict::id);
        best.instead += f.title + ":";
        for (std::size_t i = 0; i < std::min<std::size_t>(4, f.verdicts.size()); ++i) {
            best.instead += " " + f.verdicts[i].id;
        }
        if (found == f.verdicts.end()) continue;
        best.place = std::min(best.place, static_cast<std::size_t>(found - f.verdicts.begin()));
    }
    return best;
}

struct sum {
    int cases = 0, first = 0, in_three = 0;
    void add(std::size_t place) {
        ++cases;
        first += place == 0 ? 1 : 0;
        in_three += place < 3 ? 1 : 0;
    }
    [[nodiscard]] std::string text() const {
        return fmt::format("{} asked, {} first ({:.1f} %), {} in the first three ({:.1f} %)", cases,
                           first, 100.0 * first / cases, in_three, 100.0 * in_three / cases);
    }
};

// The score over one kernel: by rules, where the first sequence that was written for a rule and an
// errno speaks for them, and by all calls.
class reading {
public:
    reading(std::string what, bool shown) : what_(std::move(what)), shown_(shown) {}

    void add(const question& q, const place_of& p) {
        calls_.add(p.place);
        const std::string rule = q.rule + " " + q.outcome;
        if (of_rules_.insert(rule).second) rules_.add(p.place);
        if (p.place == 0) return;
        missed_.insert(rule);
        if (!shown_) return;
        fmt::print("  {} step {} of {}: {}; {}\n", rule, q.step + 1, q.of->id,
                   p.place < 99 ? fmt::format("place {}", p.place + 1) : "not named", p.instead);
    }
    void print() const {
        fmt::print("{}: by rules {}; by calls {}\n", what_, rules_.text(), calls_.text());
        if (!missed_.empty()) fmt::print("  not always first: {}\n", fmt::join(missed_, ", "));
    }
    [[nodiscard]] bool is_good() const {
        return rules_.cases > 0 && 100 * rules_.first >= 95 * rules_.cases &&
               rules_.in_three == rules_.cases;
    }

private:
    std::string what_;
    bool shown_;
    sum rules_, calls_;
    std::set<std::string> of_rules_, missed_;
};

}  // namespace

int score(const std::vector<records>& reals) {
    const std::vector<sequence> all = enumerated_sequences();
    unsigned passed = 0, failed = 0;
    for (const records& real : reals) {
        reading with_log(real.system + ", with the log before it", true);
        reading alone(real.system + ", the call alone", false);
        reading device(real.system + ", the call and the device's info", false);
        for (const question& q : questions_of(real, all)) {
            const run_log log = log_of(*q.of, real, q.step);
            with_log.add(q, ask(q, log.text));
            alone.add(q, ask(q, log.alone));
            device.add(q, ask(q, log.device));
        }
        with_log.print();
        device.print();
        alone.print();
        (with_log.is_good() && device.is_good() ? passed : failed) += 1;
    }
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace agree
