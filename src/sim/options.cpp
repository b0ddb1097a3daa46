// SPDX-License-Identifier: MIT
#include "sim/options.hpp"

#include "base/try.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <limits>
#include <string_view>

namespace ashlar::sim {

namespace {

constexpr std::uint64_t number_max = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t trace_entries = 60'000;

// An option; `repeats`: it belongs to the command that does one run again.
struct one_option {
    std::string_view name, argument, help;
    bool repeats;
    result<> (*take)(asked& a, std::string_view given);
};

error wrong(std::string_view option, std::string_view value, std::string why, std::string remedy) {
    return {.operation = std::string(option),
            .object = fmt::format("'{}'", value),
            .why = std::move(why),
            .remedy = std::move(remedy),
            .usage = true};
}

result<std::vector<std::size_t>> numbers(std::string_view option, std::string_view text) {
    std::vector<std::size_t> all;
    if (text == "none") return all;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        ASHLAR_TRY(const std::uint64_t n, parse_number(text.substr(0, end), option, 0, 1'000'000));
        all.push_back(n);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

result<> take_kernel(asked& a, std::string_view given) {
    a.runs.draw.version = rules::kernel_named(given);
    if (a.runs.draw.version) return {};
    return failure(wrong("--kernel", given, "there is no such kernel", "use 6.1, 6.12, 7.3, …"));
}

result<> take_target(asked& a, std::string_view given) {
    a.runs.draw.what = medium_named(given);
    if (a.runs.draw.what) return {};
    return failure(wrong("--target", given, "there is no such target",
                         "use ram, file, through or plain-file"));
}

result<> take_recovery(asked& a, std::string_view given) {
    constexpr std::string_view names[] = {"none", "wait", "reissue", "fail"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        if (names[i] == given) a.runs.draw.recovery = static_cast<recovery>(i);
    }
    if (a.runs.draw.recovery) return {};
    return failure(wrong("--recovery", given, "there is no such mode of recovery",
                         "use none, wait, reissue or fail"));
}

constexpr one_option all_options[] = {
    {"seed", "N", "the first seed; alone, just this one [1]", false,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.first_seed, parse_number(v, "--seed", 0, number_max / 2));
         return {};
     }},
    {"runs", "N", "how many seeds, one after the other [1000; with --seed 1]", false,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.count, parse_number(v, "--runs", 1, number_max / 4));
         return {};
     }},
    {"minutes", "M", "go on for so long, instead of a number of runs", false,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(const std::uint64_t n, parse_number(v, "--minutes", 1, 100'000));
         a.runs.limit_ns = n * 60'000'000'000;
         return {};
     }},
    {"kernel", "V", "only this kernel: 6.1, 6.5, 6.8, 6.12, 6.18, 7.0, 7.3 [by seed]", true,
     take_kernel},
    {"target", "T", "only this one: ram, file, through, plain-file [by seed]", true, take_target},
    {"recovery", "MODE", "only this one: none, wait, reissue, fail [by seed]", true, take_recovery},
    {"requests", "N", "requests in each run [by seed]", true,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.draw.requests, parse_number(v, "--requests", 1, 100'000'000));
         return {};
     }},
    {"small", "", "only small requests", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.small = true;
         return {};
     }},
    {"no-kill", "", "servers are not killed", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.kill = false;
         return {};
     }},
    {"no-power-cut", "", "the power does not fail", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.power = false;
         return {};
     }},
    {"no-restart", "", "servers are not stopped and started anew", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.restart = false;
         return {};
     }},
    {"upgrades", "", "new servers have running devices handed over, and some die over it", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.upgrades = true;
         return {};
     }},
    {"brokers", "", "some servers have a broker for their commands, and some brokers end", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.brokers = true;
         return {};
     }},
    {"keepers", "", "of half of the disks a keeper decides when the next server starts", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.keepers = true;
         return {};
     }},
    {"no-foreign", "", "nobody else stops or deletes the device", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.foreign = false;
         return {};
     }},
    {"no-failed-calls", "", "calls to the kernel don't fail", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.draw.failed_calls = false;
         return {};
     }},
    {"no-disk-errors", "", "the disk has no errors and is never full", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.shorter.no_disk_errors = true;
         return {};
     }},
    {"no-short-transfers", "", "reads and writes of the disk are whole", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.shorter.no_short_transfers = true;
         return {};
     }},
    {"no-delays", "", "the disk is not slow", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.shorter.no_delays = true;
         return {};
     }},
    {"no-overflow", "", "completion queues are large enough", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.shorter.no_overflow = true;
         return {};
     }},
    {"polite", "", "the kernel does everything in order", true,
     [](asked& a, std::string_view) -> result<> {
         a.runs.shorter.polite = true;
         return {};
     }},
    {"clients", "LIST", "only these clients of a plan (0,2 or none)", true,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.shorter.clients, numbers("--clients", v));
         return {};
     }},
    {"mishaps", "LIST", "only these mishaps of a plan (0,2 or none)", true,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.shorter.mishaps, numbers("--mishaps", v));
         return {};
     }},
    {"first", "N", "leave out so many requests of each client", true,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.shorter.first, parse_number(v, "--first", 0, number_max));
         return {};
     }},
    {"last", "N", "and end before this one", true,
     [](asked& a, std::string_view v) -> result<> {
         ASHLAR_TRY(a.runs.shorter.last, parse_number(v, "--last", 1, number_max));
         return {};
     }},
    {"exhaustive", "", "no seeds: all short sequences on two blocks, a power cut at every point",
     false,
     [](asked& a, std::string_view) -> result<> {
         a.what = asked::mode::exhaustive;
         return {};
     }},
    {"nth-failure", "", "no seeds: each call of a server's life fails, once and for ever", false,
     [](asked& a, std::string_view) -> result<> {
         a.what = asked::mode::nth_failure;
         return {};
     }},
    {"trace", "", "print all events of the run", false,
     [](asked& a, std::string_view) -> result<> {
         a.trace = true;
         a.runs.history = trace_entries;
         return {};
     }},
    {"no-shrink", "", "don't look for a shorter form of a run that fails", false,
     [](asked& a, std::string_view) -> result<> {
         a.shrink = false;
         return {};
     }},
    {"no-fork", "", "run in this process, for debuggers", false,
     [](asked& a, std::string_view) -> result<> {
         a.runs.in_children = a.shrink = false;
         return {};
     }},
    {"json", "", "print the figures as JSON", false,
     [](asked& a, std::string_view) -> result<> {
         a.json = true;
         return {};
     }},
    {"help", "", "print this", false,
     [](asked& a, std::string_view) -> result<> {
         a.what = asked::mode::help;
         return {};
     }},
    {"man", "", "print the manual page", false,
     [](asked& a, std::string_view) -> result<> {
         a.what = asked::mode::man;
         return {};
     }},
    {"version", "", "print the version", false,
     [](asked& a, std::string_view) -> result<> {
         a.what = asked::mode::version;
         return {};
     }},
};

constexpr const char* man_page = R"(.\" SPDX-License-Identifier: MIT
.Dd November 22, 2026
.Dt ASHLAR-SIM 1
.Os
.Sh NAME
.Nm ashlar-sim
.Nd simulate block devices served by ashlar, with faults, from a seed
.Sh SYNOPSIS
.Nm
.Op Ar option ...
.Sh DESCRIPTION
.Nm
runs ashlar's own code on a kernel in memory: servers that are killed, stopped, or taken over by
others, disks that fail or are full, power cuts, and users of the disk who hold each answer against
what it may be.
A seed chooses all of it, and the same seed does the same again.
It needs no privileges, and touches no device of the machine.
.Pp
Of a run that fails it prints what broke, the last events, and the command that does it again, also
in the shortest form that was found.
.Pp
The options are:
.Bl -tag -width Ds
{}.El
.Sh EXIT STATUS
0: all runs went well; 1: one did not; 2: wrong usage.
.Sh EXAMPLES
Five minutes of all that there is:
.Pp
.Dl ashlar-sim --minutes 5
.Pp
One run, with its events:
.Pp
.Dl ashlar-sim --seed 4711 --trace
.Sh SEE ALSO
.Xr ashlar 1
)";

const one_option* find(std::string_view name) {
    for (const one_option& o : all_options) {
        if (o.name == name) return &o;
    }
    return nullptr;
}

}  // namespace

result<asked> parse(std::span<char* const> words) {
    asked a;
    bool seed = false, count = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (word == "-h") word = "--help";
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        const one_option* o = name.starts_with("--") ? find(name.substr(2)) : nullptr;
        if (o == nullptr) {
            return failure(wrong(word, word, "there is no such option", "see ashlar-sim --help"));
        }
        std::string_view given;
        if (equals != std::string_view::npos) {
            given = word.substr(equals + 1);
        } else if (!o->argument.empty() && i + 1 < words.size()) {
            given = words[++i];
        }
        if (o->argument.empty() != given.empty()) {
            return failure(wrong(name, given,
                                 o->argument.empty() ? "it takes no value" : "its value is missing",
                                 "see ashlar-sim --help"));
        }
        ASHLAR_CHECK(o->take(a, given));
        seed = seed || o->name == "seed";
        count = count || o->name == "runs" || o->name == "minutes";
        if (!o->repeats) continue;
        a.words.push_back(std::string(name));
        if (!given.empty()) a.words.push_back(std::string(given));
    }
    if (!seed && !count) a.runs.count = 1000;
    return a;
}

std::string help_text() {
    std::string text =
        "Usage: ashlar-sim [OPTION…]\n\n"
        "Simulates disks that ashlar serves: a kernel in memory, servers, users of the disks, and "
        "all\nthat can go wrong, in an order that a seed chooses. The same seed does the same "
        "again.\n\nOptions:\n";
    for (const one_option& o : all_options) {
        const std::string left =
            fmt::format("--{}{}{}", o.name, o.argument.empty() ? "" : " ", o.argument);
        text += fmt::format("  {:<22}{}\n", left, o.help);
    }
    return text + "\nExit status: 0 all runs went well, 1 one did not, 2 wrong usage.\n"
                  "\nExamples:\n"
                  "  ashlar-sim --minutes 5\n"
                  "  ashlar-sim --seed 4711 --trace\n"
                  "  ashlar-sim --runs 200 --kernel 6.12 --target file --no-foreign\n";
}

std::string man_text() {
    std::string options;
    for (const one_option& o : all_options) {
        options +=
            fmt::format(".It Fl -{}{}{}\n", o.name, o.argument.empty() ? "" : " Ar ", o.argument);
        options += fmt::format("{}.\n", o.help);
    }
    return fmt::format(man_page, options);
}

}  // namespace ashlar::sim
