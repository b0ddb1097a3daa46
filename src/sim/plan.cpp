// SPDX-License-Identifier: MIT
#include "sim/plan.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ashlar::sim {

namespace {

constexpr std::string_view medium_names[] = {"ram",         "file",         "through",
                                             "plain-file",  "canary-flush", "canary-sync",
                                             "canary-lost", "canary-stale", "canary-neighbour"};
constexpr std::string_view mishap_names[] = {
    "kill",        "power cut",       "restart", "foreign stop", "foreign delete",
    "failed call", "foreign quiesce", "upgrade", "broker ends"};
static_assert(std::size(mishap_names) == mishap_kinds);

std::string list_of(const std::vector<std::size_t>& numbers) {
    if (numbers.empty()) return "none";
    return fmt::format("{}", fmt::join(numbers, ","));
}

template <class T>
void keep_only(std::vector<T>& all, const std::vector<std::size_t>& kept) {
    std::vector<T> some;
    for (std::size_t i : kept) {
        if (i < all.size()) some.push_back(all[i]);
    }
    all = std::move(some);
}

}  // namespace

std::string_view name(medium m) { return medium_names[static_cast<unsigned>(m)]; }

std::optional<medium> medium_named(std::string_view text) {
    const auto* found = std::ranges::find(medium_names, text);
    if (found == std::end(medium_names)) return std::nullopt;
    return static_cast<medium>(found - std::begin(medium_names));
}

bool is_on_file(medium m) { return m != medium::ram; }
bool passes_data(medium m) { return m == medium::file || m == medium::through; }
bool keeps_in_cache(medium m) { return m != medium::ram && m != medium::through; }

std::string_view name(mishap::kind k) { return mishap_names[static_cast<unsigned>(k)]; }

std::size_t plan::operations() const {
    std::size_t sum = 0;
    for (const client_plan& c : clients) sum += c.operations.size();
    return sum;
}

bool plan::has(mishap::kind k) const {
    return std::ranges::any_of(mishaps, [k](const mishap& m) { return m.what == k; });
}

std::string plan::text() const {
    constexpr std::string_view modes[] = {"none", "wait", "reissue", "fail"};
    return fmt::format(
        "seed {}, kernel {}, target {}, recovery {}, lane {}, {}, {} queues of depth {}, "
        "blocks of {}, requests up to {}, disk of {}; {} clients, {} requests, {} mishaps",
        seed, version.name(), name(what), modes[static_cast<unsigned>(recovery)], name(lane),
        name(delivery), queues, depth, block, format_size(max_io),
        format_size(sectors * uapi::sector_bytes), clients.size(), operations(), mishaps.size());
}

std::string cut::options() const {
    std::string text;
    if (clients) text += " --clients " + list_of(*clients);
    if (mishaps) text += " --mishaps " + list_of(*mishaps);
    if (first != 0) text += fmt::format(" --first {}", first);
    if (last != ~std::size_t{0}) text += fmt::format(" --last {}", last);
    if (no_disk_errors) text += " --no-disk-errors";
    if (no_short_transfers) text += " --no-short-transfers";
    if (no_delays) text += " --no-delays";
    if (no_overflow) text += " --no-overflow";
    if (polite) text += " --polite";
    return text;
}

plan shortened(plan p, const cut& c) {
    // A mishap is so many steps after the one before it; those that stay keep their distance from
    // the beginning.
    std::uint64_t at = 0;
    for (mishap& m : p.mishaps) m.after = at += m.after;
    if (c.mishaps) keep_only(p.mishaps, *c.mishaps);
    at = 0;
    for (mishap& m : p.mishaps) at += m.after -= at;
    for (client_plan& client : p.clients) {
        auto& all = client.operations;
        const std::size_t end = std::min(all.size(), c.last);
        const std::size_t begin = std::min(end, c.first);
        all = {all.begin() + static_cast<std::ptrdiff_t>(begin),
               all.begin() + static_cast<std::ptrdiff_t>(end)};
    }
    if (c.clients) keep_only(p.clients, *c.clients);
    twin::file_faults& f = p.faults;
    if (c.no_disk_errors) {
        f.read_error = f.write_error = f.sync_error = f.no_space = f.again = f.interrupted = 0;
    }
    if (c.no_short_transfers) f.short_transfer = 0, p.manner.short_transfers = false;
    if (c.no_delays) f.delay_max_ns = 0;
    if (c.no_overflow) p.manner.small_completion_queue = false;
    if (c.polite) {
        p.manner = {.short_transfers = false,
                    .any_order = false,
                    .partition_scan = false,
                    .udev = false,
                    .scribble = false};
    }
    return p;
}

}  // namespace ashlar::sim
