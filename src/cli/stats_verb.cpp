// SPDX-License-Identifier: MIT
// stats: what a server's queues have done.
#include "base/try.hpp"
#include "cli/inventory.hpp"
#include "cli/text.hpp"
#include "cli/verbs.hpp"
#include "device/status.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <time.h>

namespace ashlar::cli {

namespace {

using json = nlohmann::ordered_json;

std::uint64_t number_in(const json& queue, const char* key) {
    return queue.value(key, std::uint64_t{0});
}

result<json> status_of(std::uint32_t id) {
    ASHLAR_TRY(const std::string text, device_room::ask_status(id));
    json parsed = json::parse(text, nullptr, false);
    if (parsed.is_discarded() || !parsed.is_object()) {
        return failure({.operation = "read the server's answer", .why = "it is no JSON"});
    }
    return parsed;
}

std::string time_of(std::uint64_t ns) {
    if (ns < 10'000) return fmt::format("{} ns", ns);
    if (ns < 10'000'000) return fmt::format("{} us", ns / 1000);
    if (ns < 10'000'000'000) return fmt::format("{} ms", ns / 1'000'000);
    return fmt::format("{} s", ns / 1'000'000'000);
}

// Of all queues, or of what came since an earlier answer: bucket (its longest, ns) and count.
std::map<std::uint64_t, std::uint64_t> latency_of(const json& queues) {
    std::map<std::uint64_t, std::uint64_t> all;
    for (const json& q : queues) {
        for (const json& b : q["latency"]["buckets"]) all[b[0]] += b[1].get<std::uint64_t>();
    }
    return all;
}

std::uint64_t percentile(const std::map<std::uint64_t, std::uint64_t>& all, double percent) {
    std::uint64_t count = 0, sum = 0;
    for (const auto& [ns, n] : all) count += n;
    for (const auto& [ns, n] : all) {
        sum += n;
        if (n != 0 && static_cast<double>(sum) >= static_cast<double>(count) * percent / 100) {
            return ns;
        }
    }
    return 0;
}

std::uint64_t sum_of(const json& queues, const char* key) {
    std::uint64_t sum = 0;
    for (const json& q : queues) sum += number_in(q, key);
    return sum;
}

std::string per(std::uint64_t many, std::uint64_t each) {
    return each == 0 ? "-"
                     : fmt::format("{:.1f}", static_cast<double>(many) / static_cast<double>(each));
}

void print_queue(std::size_t index, const json& q) {
    fmt::print("queue {}:  {} requests ({} reads, {} writes, {} flushes, {} discards, {} "
               "write-zeroes), {} failed\n",
               index, number_in(q, "requests"), number_in(q, "reads"), number_in(q, "writes"),
               number_in(q, "flushes"), number_in(q, "discards"), number_in(q, "write_zeroes"),
               number_in(q, "failed"));
    fmt::print("  bytes    {} read, {} written, {} copied\n",
               uapi::bytes_text(number_in(q, "bytes_read")),
               uapi::bytes_text(number_in(q, "bytes_written")),
               uapi::bytes_text(number_in(q, "bytes_copied")));
    fmt::print(
        "  enters   {} in {} turns; {} completions for each, at most {} requests in a turn\n",
        number_in(q, "enters"), number_in(q, "turns"),
        per(number_in(q, "completions"), number_in(q, "enters")), number_in(q, "largest_batch"));
    const json& l = q["latency"];
    fmt::print("  latency  half within {}, 90 % {}, 99 % {}, 99.9 % {}, all {}\n",
               time_of(number_in(l, "p50_ns")), time_of(number_in(l, "p90_ns")),
               time_of(number_in(l, "p99_ns")), time_of(number_in(l, "p99.9_ns")),
               time_of(number_in(l, "max_ns")));
    if (const auto open = number_in(q, "in_hand"); open != 0) {
        fmt::print("  open     {} not answered, the oldest for {}\n", open,
                   time_of(number_in(q, "longest_ns")));
    }
}

// One line: what was done between two answers.
void print_change(const json& before, const json& now) {
    const json &a = before["queues"], &b = now["queues"];
    const auto grown = [&](const char* key) { return sum_of(b, key) - sum_of(a, key); };
    auto latency = latency_of(b);
    for (const auto& [ns, n] : latency_of(a)) latency[ns] -= n;
    fmt::print("{} requests, {} read, {} written, {} enters ({} completions each), {} failed; half "
               "within {}, 99 % {}; {} open\n",
               grown("requests"), uapi::bytes_text(grown("bytes_read")),
               uapi::bytes_text(grown("bytes_written")), grown("enters"),
               per(grown("completions"), grown("enters")), grown("failed"),
               time_of(percentile(latency, 50)), time_of(percentile(latency, 99)),
               sum_of(b, "in_hand"));
}

int watch(std::uint32_t id, json before, bool as_json) {
    for (;;) {
        std::fflush(stdout);
        const timespec second{.tv_sec = 1, .tv_nsec = 0};
        ::nanosleep(&second, nullptr);
        auto now = status_of(id);
        if (!now) return 0;  // the device has ended
        // Another server of the same device counts from the beginning.
        if ((*now)["pid"] != before["pid"]) before = json{{"queues", json::array()}};
        if (as_json) fmt::print("{}\n", now->dump());
        else print_change(before, *now);
        before = std::move(*now);
    }
}

}  // namespace

int run_stats(const command& c) {
    auto control = control::control::open(os::linux_machine(), false);
    if (!control) return report(c, control.error());
    const auto id = find_device(**control, os::linux_machine(), c.words[0]);
    if (!id) return report(c, id.error());
    auto status = status_of(*id);
    if (!status) return report(c, status.error());
    const bool as_json = c.values.has("json"), watched = c.values.has("watch");
    if (as_json) fmt::print("{}\n", status->dump(watched ? -1 : 2));
    if (watched) return watch(*id, std::move(*status), as_json);
    if (as_json) return 0;
    fmt::print("device {}: target {}, lane {}, delivery {}\n", *id, status->value("target", "?"),
               status->value("lane", "?"), status->value("delivery", "?"));
    std::size_t index = 0;
    for (const json& q : (*status)["queues"]) print_queue(index++, q);
    return 0;
}

}  // namespace ashlar::cli
