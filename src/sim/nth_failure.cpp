// SPDX-License-Identifier: MIT
#include "sim/nth_failure.hpp"

#include "sim/world.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace ashlar::sim {

namespace {

constexpr unsigned calls_max = 500;  // a life has fewer

plan plan_of(const rules::kernel& version, recovery mode, bool recovers) {
    plan p;
    p.version = version;
    p.what = medium::file;
    p.recovery = mode;
    p.queues = 2;
    p.depth = 2;
    p.sectors = 64;
    client_plan client{.width = 2};
    for (std::uint32_t i = 0; i < 24; ++i) {
        const auto op = i % 3 == 2 ? uapi::op::read : uapi::op::write;
        client.operations.push_back({.op = op, .sector = i % 5 * 8, .sectors = 8});
    }
    p.clients.push_back(client);
    // Late enough for the device to be there, and early enough for the client to be at work.
    if (recovers) p.mishaps.push_back({.what = mishap::kind::kill, .after = 60, .serving = true});
    return p;
}

}  // namespace

failure_outcome run_nth_failures(const rules::kernel& version, recovery mode,
                                 const std::function<void(const failure_counts&)>& progress) {
    failure_outcome out;
    for (bool recovers : {false, true}) {
        if (recovers && mode == recovery::none) continue;
        for (int code : {ENOMEM, EPERM}) {
            for (bool for_ever : {false, true}) {
                plan p = plan_of(version, mode, recovers);
                for (unsigned n = 1; n <= calls_max; ++n) {
                    p.failing = {.server = recovers ? 2U : 1U,
                                 .call = n,
                                 .code = code,
                                 .for_ever = for_ever};
                    const verdict v = run_plan(p, 200);
                    out.counts.lives += v.servers;
                    if (!v.broken.empty()) {
                        out.broken = fmt::format("kernel {}, call {} of a {} fails with {}{}: {}",
                                                 version.name(), n, recovers ? "recovery" : "start",
                                                 errno_name(code),
                                                 for_ever ? ", and all later ones" : "", v.broken);
                        out.history = v.history;
                        return out;
                    }
                    if (!v.call_failed) break;
                    out.counts.failures += 1;
                    if (progress) progress(out.counts);
                }
            }
        }
    }
    return out;
}

}  // namespace ashlar::sim
