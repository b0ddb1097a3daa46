// SPDX-License-Identifier: MIT
#include "sim/report.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ashlar::sim {

namespace {

double rate(std::uint64_t count, double seconds) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string last_lines(const std::string& text, std::size_t count) {
    std::size_t at = text.size();
    for (; at != 0; --at) {
        if (text[at - 1] == '\n' && at != text.size() && count-- == 1) break;
    }
    return text.substr(at);
}

}  // namespace

std::string text_of(const outcome& o) {
    const totals& t = o.sums;
    const client_counters& c = t.clients;
    std::string text = fmt::format(
        "{} runs, {} of them twice, in {:.1f} s; {:.0f} simulated requests a second, {:.0f} for "
        "each second of processor time\n"
        "{} requests: {} reads, {} writes, {} flushes, {} discards, {} write-zeroes; {} failed, "
        "each for a reason\n"
        "{} sectors read back were right\n"
        "{} servers, {} recoveries;",
        t.runs, t.repeated, o.seconds, rate(c.requests, o.seconds),
        rate(c.requests, o.processor_seconds), c.requests, c.reads, c.writes, c.flushes, c.discards,
        c.zeroes, c.failed, c.sectors_checked, t.servers, t.recoveries);
    for (std::size_t i = 0; i < mishap_kinds; ++i) {
        text += fmt::format("{} {} × {}", i == 0 ? "" : ",", name(static_cast<mishap::kind>(i)),
                            t.mishaps[i]);
    }
    return text + fmt::format("\n{} steps, {:.0f} s of simulated time\n", t.steps,
                              static_cast<double>(t.virtual_ns) / 1e9);
}

std::string json_of(const outcome& o) {
    const totals& t = o.sums;
    const client_counters& c = t.clients;
    nlohmann::ordered_json json = {
        {"runs", t.runs},
        {"repeated", t.repeated},
        {"seconds", o.seconds},
        {"requests", c.requests},
        {"requests_per_second", rate(c.requests, o.seconds)},
        {"requests_per_processor_second", rate(c.requests, o.processor_seconds)},
        {"reads", c.reads},
        {"writes", c.writes},
        {"flushes", c.flushes},
        {"discards", c.discards},
        {"write_zeroes", c.zeroes},
        {"failed", c.failed},
        {"sectors_checked", c.sectors_checked},
        {"servers", t.servers},
        {"recoveries", t.recoveries},
        {"steps", t.steps},
        {"simulated_seconds", static_cast<double>(t.virtual_ns) / 1e9},
    };
    for (std::size_t i = 0; i < mishap_kinds; ++i) {
        std::string key(name(static_cast<mishap::kind>(i)));
        std::ranges::replace(key, ' ', '_');
        json["mishaps"][key] = t.mishaps[i];
    }
    if (o.found) json["finding"] = {{"seed", o.found->seed}, {"what", o.found->what}};
    return json.dump(2) + "\n";
}

std::string text_of(const finding& f, const plan& p, const std::string& command,
                    std::size_t events) {
    std::string text = fmt::format("{}\n{}\n", p.text(), f.what);
    if (!f.history.empty()) {
        text += "the last events:\n" + last_lines(f.history, events);
        if (!text.ends_with('\n')) text += '\n';
    }
    return text + "again: " + command + "\n";
}

std::string command_of(const asked& a, std::uint64_t seed, const std::string& cuts) {
    std::string text = fmt::format("ashlar-sim --seed {}", seed);
    // What the command line cut from the plan is part of `cuts`.
    const bool whole = cuts.empty();
    static constexpr std::string_view cutting[] = {
        "--clients",   "--mishaps",        "--first",
        "--last",      "--no-disk-errors", "--no-short-transfers",
        "--no-delays", "--no-overflow",    "--polite"};
    bool skipping = false;
    for (const std::string& word : a.words) {
        if (word.starts_with("--")) {
            skipping = !whole && std::ranges::find(cutting, word) != std::end(cutting);
        }
        if (!skipping) text += " " + word;
    }
    return text + cuts;
}

progress_line::progress_line(bool wanted) : on_(wanted && ::isatty(STDERR_FILENO) == 1) {}

progress_line::~progress_line() { clear(); }

void progress_line::show(double part, const std::string& text) {
    if (!on_) return;
    constexpr std::size_t width = 24;
    const auto done = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * width);
    winsize size{};
    const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    std::string line = fmt::format("[{}{}] {:3.0f}%  {}", std::string(done, '#'),
                                   std::string(width - done, '.'), part * 100, text);
    line = line.substr(0, known ? size.ws_col - 1U : 79U);
    fmt::print(stderr, "\r{}\033[K", line);
    std::fflush(stderr);
    shown_ = true;
}

void progress_line::clear() {
    if (!shown_) return;
    fmt::print(stderr, "\r\033[K");
    std::fflush(stderr);
    shown_ = false;
}

}  // namespace ashlar::sim
