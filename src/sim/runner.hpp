// SPDX-License-Identifier: MIT
// Many runs, one seed after the other, in child processes: what killed servers leave in memory goes
// with a child, and a crash of what is tested is a finding like any other, with its seed.
#pragma once

#include "sim/plan.hpp"
#include "sim/world.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ashlar::sim {

struct totals {
    std::uint64_t runs = 0, repeated = 0, steps = 0, virtual_ns = 0;
    client_counters clients = {};
    std::array<std::uint64_t, mishap_kinds> mishaps = {};
    std::uint64_t servers = 0, recoveries = 0;

    void add(const verdict& v);
    void add(const totals& other);
};

struct finding {
    std::uint64_t seed = 0;
    std::string what = {}, history = {};
};

struct runs_wanted {
    choices draw = {};
    cut shorter = {};
    std::uint64_t first_seed = 1, count = 1;
    std::uint64_t limit_ns = 0;         // of real time; 0: none, else `count` is without meaning
    std::uint64_t repeat_below = 3000;  // runs of fewer requests are done twice
    bool in_children = true;
    std::size_t history = 0;
};

struct outcome {
    totals sums = {};
    std::optional<finding> found = {};
    double seconds = 0;
    double processor_seconds = 0;
};

// Ends with the first finding. `progress` is called a few times a second, of a long one.
outcome run_many(const runs_wanted& w,
                 const std::function<void(const totals&, double seconds)>& progress);

// One plan, in a child: its verdict, or how it crashed.
finding run_apart(const plan& p, std::size_t history, bool twice);

// Shortens a plan that fails, as long as it fails; `progress` hears of each attempt.
cut shrink(const plan& p, const cut& from, const std::function<void(const cut&)>& progress);

}  // namespace ashlar::sim
