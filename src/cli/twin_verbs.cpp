// SPDX-License-Identifier: MIT
// --kernel twin:VERSION: what a verb does on a kernel in memory, for those without root or ublk.
#include "cli/twin_verbs.hpp"

#include "cli/verbs.hpp"
#include "rules/kernel.hpp"
#include "twin/random.hpp"

#include <ashlar/size.hpp>
#include <ashlar/twin.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace ashlar::cli {

namespace {

constexpr std::string_view prefix = "twin:";
constexpr std::uint64_t requests = 2000;
constexpr std::size_t largest = 32 * 1024;

error wrong_kernel(const std::string& text) {
    std::string names;
    for (const rules::kernel& k : rules::personalities()) {
        names += fmt::format("{}{}{}", names.empty() ? "" : ", ", prefix, k.name());
    }
    return {.operation = "--kernel",
            .object = fmt::format("'{}'", text),
            .why = "a kernel in memory is wanted",
            .remedy = "use one of " + names,
            .usage = true};
}

// What the workload has done and seen.
struct tally {
    std::uint64_t reads = 0, writes = 0, flushes = 0, failed = 0, wrong = 0;
};

// Writes blocks, remembers what they hold, and reads them again, in an order that the seed gives.
tally exercise(twin::served& disk, std::uint64_t size, std::uint32_t block, bool read_only,
               std::uint64_t seed) {
    twin::random dice(seed, "workload");
    const std::uint64_t blocks = std::min<std::uint64_t>(size / block, 4096);
    std::vector<std::uint64_t> known(blocks, 0);  // 0: never written
    std::vector<std::byte> data;
    tally t;
    for (std::uint64_t n = 1; n <= requests; ++n) {
        const std::uint64_t count =
            1 + dice.below(std::min<std::uint64_t>(blocks, largest / block));
        const std::uint64_t first = dice.below(blocks - count + 1);
        data.assign(count * block, std::byte{0});
        const std::uint64_t kind = dice.below(16);
        if (kind == 0) {
            t.flushes += 1;
            t.failed += static_cast<bool>(disk.flush());
        } else if (kind < 8 && !read_only) {
            t.writes += 1;
            std::ranges::fill(data, static_cast<std::byte>(1 + n % 255));
            const bool failed = static_cast<bool>(disk.write(first * block, data));
            t.failed += failed;
            for (std::uint64_t i = 0; i < count && !failed; ++i) known[first + i] = 1 + n % 255;
        } else {
            t.reads += 1;
            const bool failed = static_cast<bool>(disk.read(first * block, data));
            t.failed += failed;
            for (std::uint64_t i = 0; i < count && !failed; ++i) {
                const auto held = static_cast<std::uint64_t>(data[i * block]);
                t.wrong += known[first + i] != 0 && held != known[first + i];
            }
        }
    }
    return t;
}

}  // namespace

result<std::string> twin_kernel(const std::string& text) {
    if (!text.starts_with(prefix)) return failure(wrong_kernel(text));
    const std::string version = text.substr(prefix.size());
    if (!rules::kernel_named(version)) return failure(wrong_kernel(text));
    return version;
}

int run_on_twin(target disk, options wanted, const std::string& kernel, std::uint64_t seed) {
    const std::uint64_t size = disk.size();
    const bool read_only = wanted.read_only || !disk.table().can_write;
    const bool keeps = disk.table().can_write && wanted.kind != "null";
    const std::uint32_t block = std::max(wanted.block_size, std::uint32_t{512});
    twin::machine m({.kernel = kernel, .seed = seed});
    auto served = m.serve(std::move(disk), std::move(wanted));
    if (!served) return report(served.error());
    fmt::print("/dev/ublkb{} on a Linux {} in memory, {}\n", served->id(), kernel,
               format_size(size));
    tally t = exercise(*served, size, block, read_only, seed);
    if (!keeps) t.wrong = 0;
    const auto counters = served->counters();
    std::uint64_t enters = 0;
    for (const queue_counters& c : counters) enters += c.enters;
    if (auto stopped = served->stop(stop_when::now); !stopped) return report(stopped.error());
    fmt::print("{} reads, {} writes, {} flushes; {} failed, {} blocks not as they were written\n",
               t.reads, t.writes, t.flushes, t.failed, t.wrong);
    fmt::print("{} enters of {} queue{}; trace {:016x} (the same for the same --seed)\n", enters,
               counters.size(), counters.size() == 1 ? "" : "s", m.trace_hash());
    for (const std::string& f : m.findings()) fmt::print(stderr, "ashlar: error: {}\n", f);
    return t.failed == 0 && t.wrong == 0 && m.findings().empty() ? 0 : 1;
}

}  // namespace ashlar::cli
