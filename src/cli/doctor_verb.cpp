// SPDX-License-Identifier: MIT
// doctor: the machine from top to bottom, and the proof by a small device.
#include "cli/verbs.hpp"
#include "doctor/checks.hpp"
#include "doctor/mend.hpp"
#include "doctor/trial.hpp"
#include "os/machine.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <unistd.h>

namespace ashlar::cli {

namespace {

using json = nlohmann::ordered_json;
using doctor::verdict;

constexpr std::uint64_t step_limit_ns = 30'000'000'000;

std::string_view word_of(verdict v) {
    switch (v) {
        case verdict::ok: return "ok";
        case verdict::unknown: return "unknown";
        case verdict::warning: return "warning";
        case verdict::problem: return "problem";
    }
    return "";
}

// "ok", "?", "!", "FAIL": what an eye finds in a column.
std::string_view mark_of(verdict v) {
    switch (v) {
        case verdict::ok: return "ok";
        case verdict::unknown: return "?";
        case verdict::warning: return "!";
        case verdict::problem: return "FAIL";
    }
    return "";
}

std::string_view colour_of(verdict v) {
    switch (v) {
        case verdict::ok: return "\x1b[32m";
        case verdict::problem: return "\x1b[31m";
        default: return "\x1b[33m";
    }
}

void print_finding(const doctor::finding& f, bool coloured) {
    const std::string_view on = coloured ? colour_of(f.how) : "";
    const std::string_view off = coloured ? "\x1b[0m" : "";
    fmt::print("{}{:<5}{}{:<14} {}\n", on, mark_of(f.how), off, f.id, f.what);
    if (f.how == verdict::ok) return;
    if (!f.why.empty()) fmt::print("{:20}why: {}\n", "", f.why);
    if (!f.remedy.empty()) fmt::print("{:20}do:  {}\n", "", f.remedy);
}

void print_trial(const doctor::trial& t) {
    fmt::print("\ntrial: a device of 1 MiB, served, read and removed\n");
    std::size_t number = 0;
    for (const doctor::trial_step& s : t.steps) {
        fmt::print("{:<5}{}/8 {:<20}{:>8.1f} ms  {}\n", s.done ? "ok" : "FAIL", ++number, s.name,
                   static_cast<double>(s.took_ns) / 1e6, s.detail);
    }
    if (t.failed) fmt::print("{}\n", t.failed->text());
    if (t.left) fmt::print("left behind: device {}; see ashlar why {}\n", *t.left, *t.left);
}

json json_of(const std::vector<doctor::finding>& findings) {
    json all = json::array();
    for (const doctor::finding& f : findings) {
        all.push_back({{"id", f.id},
                       {"result", word_of(f.how)},
                       {"what", f.what},
                       {"why", f.how == verdict::ok ? "" : f.why},
                       {"do", f.how == verdict::ok ? "" : f.remedy}});
    }
    return all;
}

json json_of(const doctor::trial& t) {
    json steps = json::array();
    for (const doctor::trial_step& s : t.steps) {
        steps.push_back({{"step", s.name},
                         {"ok", s.done},
                         {"ms", static_cast<double>(s.took_ns) / 1e6},
                         {"detail", s.detail}});
    }
    json j = {{"served", t.served()}, {"steps", steps}, {"left", nullptr}, {"error", nullptr}};
    if (t.left) j["left"] = *t.left;
    if (t.failed) j["error"] = t.failed->text();
    return j;
}

bool has_problem(const std::vector<doctor::finding>& findings) {
    // A broken device is no reason why another could not be served.
    return std::ranges::any_of(findings, [](const doctor::finding& f) {
        return f.how == verdict::problem && !f.id.starts_with("device ");
    });
}

bool agreed(const command& c) {
    if (c.values.has("yes")) return true;
    if (::isatty(STDIN_FILENO) == 0) return false;
    fmt::print(stderr, "do it? [y/N] ");
    const int answer = std::getchar();
    return answer == 'y' || answer == 'Y';
}

// Shows what can be mended, and does it if it may. False if something failed.
bool mend(const command& c, const doctor::scene& s, os::machine& m) {
    const auto things = doctor::mendings(s, m);
    if (things.empty()) fmt::print(stderr, "there is nothing that can be mended safely\n");
    for (const auto& thing : things) fmt::print(stderr, "to be mended: {}\n", thing.what);
    if (things.empty()) return true;
    if (!agreed(c)) {
        fmt::print(stderr, "nothing was done; ashlar doctor --fix --yes does it\n");
        return true;
    }
    bool all = true;
    for (const auto& thing : things) {
        auto done = thing.how();
        if (done) continue;
        report(done.error());
        all = false;
    }
    return all;
}

}  // namespace

int run_doctor(const command& c) {
    if (c.values.has("yes") && !c.values.has("fix")) {
        return report(c, {.operation = "--yes",
                          .why = "it answers what --fix asks, and --fix is not there",
                          .remedy = "see ashlar doctor --help",
                          .usage = true});
    }
    os::machine& m = os::linux_machine();
    bool mended = true;
    if (c.values.has("fix")) mended = mend(c, doctor::this_machine(m), m);
    const auto findings = doctor::check_all(doctor::this_machine(m));
    const bool as_json = c.values.has("json");
    const bool coloured = ::isatty(STDOUT_FILENO) != 0;
    if (!as_json) {
        for (const doctor::finding& f : findings) print_finding(f, coloured);
        std::fflush(stdout);
    }
    std::optional<doctor::trial> trial;
    if (!c.values.has("no-trial")) trial = doctor::run_trial(step_limit_ns);
    const bool can_serve = trial ? trial->served() : !has_problem(findings);
    if (as_json) {
        const json j = {{"can_serve", can_serve},
                        {"kernel", m.version().text},
                        {"checks", json_of(findings)},
                        {"trial", trial ? json_of(*trial) : json(nullptr)}};
        fmt::print("{}\n", j.dump(2));
    } else {
        if (trial) print_trial(*trial);
        fmt::print("\n{}\n",
                   can_serve ? "a device can be served here" : "no device can be served here");
    }
    return can_serve && mended ? 0 : 1;
}

}  // namespace ashlar::cli
