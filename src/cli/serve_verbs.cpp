// SPDX-License-Identifier: MIT
// run: a server in the foreground. add: a server in the background, whose start is watched by the
// program that was called.
#include "base/try.hpp"
#include "cli/background.hpp"
#include "cli/device_acts.hpp"
#include "cli/twin_verbs.hpp"
#include "cli/verbs.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/server.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>

namespace ashlar::cli {

namespace {

constexpr unsigned steps = 8;

void print_step(const step& s) {
    fmt::print(stderr, "  {}/{}  {:<20}{}\n", static_cast<unsigned>(s.what) + 1, steps,
               name(s.what), s.detail);
}

recovery recovery_named(std::string_view word) {
    if (word == "wait") return recovery::wait;
    if (word == "reissue") return recovery::reissue;
    return word == "fail-away" ? recovery::fail : recovery::none;
}

lane lane_named(const std::string& word) {
    return word == "plain"              ? lane::plain_copy
           : word == "user-copy"        ? lane::user_copy
           : word == "zero-copy"        ? lane::zero_copy
           : word == "in-place"         ? lane::in_place
           : word == "zero-copy-manual" ? lane::zero_copy_manual
           : word == "shared-memory"    ? lane::shared_memory
                                        : lane::automatic;
}

delivery delivery_named(const std::string& word) {
    return word == "tag"     ? delivery::by_tag
           : word == "batch" ? delivery::in_batches
                             : delivery::automatic;
}

result<options> options_of(const command& c) {
    const option_values& v = c.values;
    options o;
    ASHLAR_TRY(auto queues, v.number("queues", o.queues, 1, 4096));
    ASHLAR_TRY(auto depth, v.number("depth", o.depth, 1, 4096));
    ASHLAR_TRY(auto threads, v.number("threads-per-queue", o.threads_per_queue, 1, 64));
    ASHLAR_TRY(auto spin, v.number("spin", 0, 0, 10'000));
    ASHLAR_TRY(auto block, v.size("block-size", 0));
    ASHLAR_TRY(auto max_io, v.size("max-io", o.max_io));
    ASHLAR_TRY(auto id, v.number("id", 0, 0, (1 << 20) - 1));
    // What does not fit is certainly out of range: the core says so in words.
    auto narrowed = [](std::uint64_t n) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(n, 0xffffffff));
    };
    o.queues = static_cast<unsigned>(queues);
    o.depth = static_cast<unsigned>(depth);
    o.threads_per_queue = static_cast<unsigned>(threads);
    o.spin_us = static_cast<unsigned>(spin);
    o.block_size = v.has("block-size") && block == 0 ? 1 : narrowed(block);
    o.max_io = narrowed(max_io);
    o.read_only = v.has("read-only");
    o.name = v.text("name");
    o.kind = std::string(c.kind->name);
    o.lane = lane_named(v.text("lane", "auto"));
    o.delivery = delivery_named(v.text("delivery", "auto"));
    o.unprivileged = v.has("unprivileged");
    // No machine swaps on a user's own disk, and users may lock little.
    o.lock_memory = !v.has("no-lock") && !o.unprivileged;
    o.recovery = recovery_named(v.text("recovery", "fail"));
    o.unfenced = v.has("unfenced");
    if (v.has("id")) o.id = static_cast<std::uint32_t>(id);
    return o;
}

error not_on_twin(const command& c) {
    return {.operation = "--kernel",
            .object = c.values.text("kernel"),
            .why = fmt::format("the target {} awaits I/O of this machine's own kernel, and the "
                               "twin has none of its files",
                               c.kind->name),
            .remedy = "leave --kernel out, or use the target mem",
            .usage = true};
}

struct prepared {
    target disk;
    options wanted;
};

result<prepared> prepare(const command& c) {
    ASHLAR_TRY(auto wanted, options_of(c));
    ASHLAR_TRY(auto disk, c.kind->make(c.values));
    return prepared{std::move(disk), std::move(wanted)};
}

}  // namespace

result<server_job> job_of(const command& c) {
    const option_values& v = c.values;
    server_job job;
    ASHLAR_TRY(job.wanted, options_of(c));
    job.choose_recovery = !v.has("recovery");
    job.how = {.kind = c.kind,
               .values = v,
               .threads_per_queue = job.wanted.threads_per_queue,
               .spin_us = job.wanted.spin_us,
               .lock_memory = job.wanted.lock_memory,
               .unfenced = job.wanted.unfenced,
               .supervised = v.has("supervise")};
    std::error_code none;
    job.how.directory = std::filesystem::current_path(none).string();
    job.how.program = std::filesystem::read_symlink("/proc/self/exe", none).string();
    if (!job.how.supervised || job.choose_recovery || job.wanted.recovery != recovery::none) {
        return job;
    }
    return failure({.operation = "--supervise",
                    .why = "with --recovery fail there is nothing to keep: the device ends",
                    .remedy = "choose another mode of recovery, or leave one of the two",
                    .usage = true});
}

int run_run(const command& c) {
    auto p = prepare(c);
    if (!p) return report(p.error());
    if (c.values.has("steps")) p->wanted.on_step = print_step;
    if (c.values.has("kernel")) {
        auto kernel = twin_kernel(c.values.text("kernel"));
        if (!kernel) return report(kernel.error());
        if (p->disk.table().asynchronous) return report(not_on_twin(c));
        auto seed = c.values.number("seed", 1, 0, ~std::uint64_t{0});
        if (!seed) return report(seed.error());
        return run_on_twin(std::move(p->disk), std::move(p->wanted), *kernel, *seed);
    }
    auto served = device_room::run_server(std::move(p->disk), std::move(p->wanted),
                                          [](const device::implementation& d) {
                                              fmt::print("{}\n", device_room::block_path(d.id()));
                                              std::fflush(stdout);
                                          });
    return served ? 0 : report(served.error());
}

int run_add(const command& c) {
    auto job = job_of(c);
    if (!job) return report(c, job.error());
    auto started = start_in_background(std::move(*job));
    if (!started) return report(c, started.error());
    const std::string node = device_room::block_path(started->id);
    if (c.values.has("json")) {
        const nlohmann::ordered_json json = {
            {"id", started->id}, {"node", node}, {"pid", started->pid}};
        fmt::print("{}\n", json.dump(2));
    } else {
        fmt::print("{}\n", node);
    }
    return 0;
}

}  // namespace ashlar::cli
