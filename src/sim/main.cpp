// SPDX-License-Identifier: MIT
#include "sim/exhaustive.hpp"
#include "sim/nth_failure.hpp"
#include "sim/options.hpp"
#include "sim/report.hpp"

#include <ashlar/log.hpp>
#include <ashlar/version.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <new>

namespace ashlar::sim {

namespace {

constexpr std::size_t events_of_finding = 60;

std::vector<rules::kernel> kernels_of(const asked& a) {
    if (a.runs.draw.version) return {*a.runs.draw.version};
    const auto all = rules::personalities();
    return {all.begin(), all.end()};
}

plan plan_of(const asked& a, std::uint64_t seed, const cut& c) {
    return shortened(draw_plan(seed, a.runs.draw), c);
}

// Tells of a run that failed: its last events, and a shorter form of it.
void tell_finding(const asked& a, const finding& first, progress_line& line) {
    const plan whole = draw_plan(first.seed, a.runs.draw);
    cut shortest = a.runs.shorter;
    if (a.shrink) {
        unsigned attempt = 0;
        shortest = shrink(whole, shortest, [&](const cut& best) {
            line.show(++attempt / 400.0, fmt::format("shortening the run: {} requests left",
                                                     shortened(whole, best).operations()));
        });
    }
    line.clear();
    const plan p = shortened(whole, shortest);
    const std::size_t events = a.trace ? a.runs.history : events_of_finding;
    finding again = run_apart(p, events, true);
    if (again.what.empty()) again = first;
    const std::string before = command_of(a, first.seed, "");
    fmt::print("FAILED with seed {}: {}\nagain: {}\n\n", first.seed, first.what, before);
    const std::string command = command_of(a, first.seed, shortest.options());
    if (a.shrink) fmt::print("The shortest form of it that was found:\n");
    fmt::print("{}", text_of(again, p, command, events));
}

int run_seeds(const asked& a) {
    progress_line line(a.progress);
    const outcome o = run_many(a.runs, [&](const totals& t, double seconds) {
        const double limit = static_cast<double>(a.runs.limit_ns) / 1e9;
        const double part = a.runs.limit_ns != 0
                                ? seconds / limit
                                : static_cast<double>(t.runs) / static_cast<double>(a.runs.count);
        line.show(part, fmt::format("{} runs, {} requests", t.runs, t.clients.requests));
    });
    line.clear();
    if (o.found && !a.json) {
        tell_finding(a, *o.found, line);
        fmt::print("\n");
    }
    if (a.trace && !o.found && a.runs.count == 1 && a.runs.limit_ns == 0) {
        const plan p = plan_of(a, a.runs.first_seed, a.runs.shorter);
        fmt::print("{}\n{}\n", p.text(), run_plan(p, a.runs.history).all_events);
    }
    fmt::print("{}", a.json ? json_of(o) : text_of(o));
    return o.found ? 1 : 0;
}

int run_exhaustive(const asked& a) {
    progress_line line(a.progress);
    for (const rules::kernel& k : kernels_of(a)) {
        for (medium m : {medium::file, medium::through, medium::plain_file}) {
            if (a.runs.draw.what && *a.runs.draw.what != m) continue;
            const auto o = run_exhaustive(k, m, 3, [&](const exhaustive_counts& c) {
                // 9 letters, up to three of them, in two ways.
                line.show(static_cast<double>(c.sequences) / (2 * (9 + 81 + 729)),
                          fmt::format("kernel {}, {}", k.name(), name(m)));
            });
            line.clear();
            fmt::print("kernel {}, {}: {} sequences, {} points to crash at, {} contents of the disk"
                       "{}\n",
                       k.name(), name(m), o.counts.sequences, o.counts.crash_points,
                       o.counts.contents, o.broken.empty() ? ", all legal" : "");
            if (o.broken.empty()) continue;
            fmt::print("FAILED: {}\nthe last events:\n{}\n", o.broken, o.history);
            return 1;
        }
    }
    return 0;
}

int run_nth_failure(const asked& a) {
    progress_line line(a.progress);
    for (const rules::kernel& k : kernels_of(a)) {
        for (recovery mode : {recovery::none, recovery::reissue}) {
            if (a.runs.draw.recovery && *a.runs.draw.recovery != mode) continue;
            const auto o = run_nth_failures(k, mode, [&](const failure_counts& c) {
                line.show(0, fmt::format("kernel {}, {} calls have failed", k.name(), c.failures));
            });
            line.clear();
            fmt::print("kernel {}, recovery {}: {} calls failed, {} servers\n", k.name(),
                       mode == recovery::none ? "none" : "reissue", o.counts.failures,
                       o.counts.lives);
            if (o.broken.empty()) continue;
            fmt::print("FAILED: {}\nthe last events:\n{}\n", o.broken, o.history);
            return 1;
        }
    }
    return 0;
}

int run(const asked& a) {
    // What servers complain of is part of the game; a trace shows the events themselves.
    set_log_sink([](level, std::string_view) {});
    switch (a.what) {
        case asked::mode::help: fmt::print("{}", help_text()); return 0;
        case asked::mode::man: fmt::print("{}", man_text()); return 0;
        case asked::mode::version: fmt::print("ashlar-sim {}\n", ashlar::version()); return 0;
        case asked::mode::runs: return run_seeds(a);
        case asked::mode::exhaustive: return run_exhaustive(a);
        case asked::mode::nth_failure: return run_nth_failure(a);
    }
    return 2;
}

int report(const error& e) {
    fmt::print(stderr, "ashlar-sim: {}\n", e.text());
    return e.usage ? 2 : 1;
}

}  // namespace

}  // namespace ashlar::sim

int main(int count, char** words) {
    using namespace ashlar::sim;
    try {
        auto asked = parse({words + 1, words + count});
        if (!asked) return report(asked.error());
        const int code = run(*asked);
        if (std::fflush(stdout) != 0 && code == 0) {
            return report({.operation = "write to standard output", .code = errno});
        }
        return code;
    } catch (const std::bad_alloc&) {
        return report({.operation = "ashlar-sim", .code = ENOMEM});
    } catch (const std::exception& unexpected) {
        return report({.operation = "ashlar-sim", .why = unexpected.what()});
    }
}
