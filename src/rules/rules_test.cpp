// SPDX-License-Identifier: MIT
// Each row can be broken, on each of its kernels and by each of its calls, and is the first then.
#include "support/broken_calls.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

using namespace ashlar::rules;

namespace {

std::vector<kernel> test_kernels() {
    std::vector<kernel> all(personalities().begin(), personalities().end());
    for (const char* name : {"6.0", "6.2", "6.3", "6.4", "6.7", "6.9", "6.13", "6.14.9", "6.15",
                             "6.16", "6.16.1", "6.17", "6.18.20", "6.19", "7.1", "7.2"}) {
        all.push_back(*kernel_named(name));
    }
    return all;
}

// Rows that another one always precedes: a fallback needs a device that does not copy (B-5), and
// a buffer's address one that does (B-4), so no device is left for both.
constexpr std::string_view never_first[] = {"B-7"};

// Rules of a command itself, which a kernel without the command never comes to.
bool own_rule(const row& r) {
    const std::string_view group = r.id.substr(0, r.id.find('-'));
    return group != "U" && group != "D" && group != "P" && group != "IO";
}
bool knows(const kernel& k, subject about, const row& r) {
    const bool path = r.id == "P-7" || r.id == "P-8" || r.id == "P-9";
    return k.release >= first_release(about) || (!own_rule(r) && !path) || r.id == "UC-0";
}

bool same_configuration(const kernel& a, const kernel& b) {
    return a.legacy_opcodes == b.legacy_opcodes && a.zoned == b.zoned &&
           a.devices_max == b.devices_max;
}

bool is_answer(const contract& rules, const scene& s, const row& r) {
    if (r.what != effect::silently) return rules.first_broken(s.about, s.c, r.stage) == &r;
    return std::ranges::any_of(rules.candidates(s.about, s.c), [&](const auto& one) {
        return one.which == &r && one.broken.yes();
    });
}

// Whether some breakage of that id, or none at all, makes the row the answer.
bool reachable(const contract& rules, subject about, const row& r) {
    if (scene s(rules.of(), about); is_answer(rules, s, r)) return true;
    for (const auto group : all_breakages()) {
        for (const breakage& b : group) {
            if (b.id != r.id) continue;
            scene s(rules.of(), about);
            if (!s.c.command_number.known()) s.c.command_number = 0u;
            b.make(s);
            const bool yes = same_configuration(s.k, rules.of()) ? is_answer(rules, s, r)
                                                                 : is_answer(contract(s.k), s, r);
            if (yes) return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE("each row is the answer to some call, for each kernel and each command it is about") {
    for (const kernel& k : test_kernels()) {
        const contract rules(k);
        for (const row& r : all_rows()) {
            if (!r.kernels.contains(k.release) || !r.breaks) continue;
            if (std::ranges::find(never_first, r.id) != std::end(never_first)) continue;
            for (subject about : r.about) {
                if (!knows(k, about, r)) continue;
                INFO(k.name(), " ", r.id, " ", static_cast<int>(about), " ", r.means);
                CHECK(reachable(rules, about, r));
            }
        }
    }
}

TEST_CASE("a legal call breaks nothing, and nothing is in doubt") {
    using enum subject;
    for (const kernel& k : test_kernels()) {
        const contract rules(k);
        for (int i = 0; i <= static_cast<int>(open_block); ++i) {
            const auto about = static_cast<subject>(i);
            const scene s(k, about);
            const auto found = rules.candidates(about, s.c);
            CAPTURE(k.name());
            CAPTURE(i);
            for (const auto& one : found) {
                CAPTURE(one.which->id);
                // Only that the command or its files are unknown to this kernel.
                const bool unknown = one.which->id == "D-7" || one.which->id == "IO-9" ||
                                     one.which->id == "UC-0" || one.which->id == "GETP-4";
                CHECK(unknown);
                CHECK(one.broken.yes());
            }
        }
    }
}

TEST_CASE("what nothing is known of may break any judged row, and certainly breaks none") {
    const contract rules(*kernel_named("7.3"));
    const call nothing;
    for (subject about : {subject::add_dev, subject::start_dev, subject::fetch_req}) {
        CHECK(rules.first_broken(about, nothing) == nullptr);
        const auto found = rules.candidates(about, nothing);
        CHECK(found.size() > 5);
        CHECK(std::ranges::none_of(found, [](const auto& one) { return one.broken.yes(); }));
    }
}

TEST_CASE("rows say what they are: an errno or where it comes from, a meaning, a remedy") {
    for (const row& r : all_rows()) {
        CAPTURE(r.id);
        CHECK(!r.about.empty());
        CHECK(!r.means.empty());
        CHECK(!r.mend.empty());
        CHECK(!r.source.empty());
        CHECK((r.what == effect::refuses) == (r.error != 0 || r.error_of != nullptr));
        CHECK(!r.means.ends_with('.'));
        CHECK(!r.mend.ends_with('.'));
    }
}

TEST_CASE("the rows of a group stand in the order of their numbers, on the newest kernel") {
    const contract rules(*kernel_named("7.3"));
    // Where the reference's numbers are not the order of evaluation.
    constexpr std::string_view elsewhere[] = {"U-1",  "U-15",  "OPEN-3", "BE-1",  "BE-3",
                                              "BE-7", "REG-1", "GETP-2", "BLK-4", "B-0"};
    for (int i = 0; i <= static_cast<int>(subject::open_block); ++i) {
        std::string_view group;
        int last = 0;
        for (stage where : {stage::ring, stage::driver}) {
            for (const row* r : rules.rows_of(static_cast<subject>(i), where)) {
                const auto dash = r->id.find('-');
                if (dash == std::string_view::npos) continue;
                if (std::ranges::find(elsewhere, r->id) != std::end(elsewhere)) continue;
                const int number = std::stoi(std::string(r->id.substr(dash + 1)));
                CAPTURE(r->id);
                if (r->id.substr(0, dash) == group) CHECK(number >= last);
                group = r->id.substr(0, dash);
                last = number;
            }
        }
    }
}

TEST_CASE("unknown facts make a condition unknown only where they matter") {
    const maybe yes = true, no = false, unknown = maybe::unknown();
    for (const maybe a : {yes, no, unknown}) {
        CHECK((a && no) == no);
        CHECK((a || yes) == yes);
        CHECK((a && yes) == a);
        CHECK((a || no) == a);
        CHECK(!!a == a);
    }
    CHECK((unknown && unknown) == unknown);
    CHECK((!unknown) == unknown);
    fact<int> f;
    CHECK((f == 3) == unknown);
    f = 3;
    CHECK((f == 3).yes());
    CHECK((f != 3).no());
    CHECK((f < 3).no());
    CHECK((f >= 3).yes());
    f.forget();
    CHECK((f > 2) == unknown);
}
