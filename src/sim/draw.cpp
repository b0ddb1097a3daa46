// SPDX-License-Identifier: MIT
// How a seed becomes a plan. First it is drawn what exists in a run at all, then how often: runs
// that have a little of everything find less.
#include "sim/plan.hpp"
#include "twin/block.hpp"
#include "twin/random.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::sim {

namespace {

using twin::random;

constexpr std::uint32_t percent = 10'000;  // in parts of a million

template <class T, std::size_t N>
T any_of(random& r, const T (&values)[N]) {
    return values[r.below(N)];
}

void draw_machine(plan& p, const choices& c, random& r) {
    const auto kernels = rules::personalities();
    p.version = kernels[r.below(kernels.size())];
    if (c.version) p.version = *c.version;
    constexpr medium media[] = {medium::ram,  medium::ram,     medium::file,    medium::file,
                                medium::file, medium::through, medium::through, medium::plain_file};
    p.what = any_of(r, media);
    if (c.what) p.what = *c.what;
    constexpr recovery modes[] = {recovery::none, recovery::wait, recovery::reissue,
                                  recovery::reissue, recovery::fail};
    p.recovery = any_of(r, modes);
    if (c.recovery) p.recovery = *c.recovery;
    if (p.recovery == recovery::fail && !p.version.at_least(6, 13)) p.recovery = recovery::wait;
    p.id = static_cast<std::uint32_t>(r.below(3));
    p.queues = any_of(r, {1U, 1U, 2U, 3U});
    p.depth = any_of(r, {1U, 2U, 4U, 8U, 16U, 32U});
    p.block = any_of(r, {512U, 512U, 1024U, 4096U});
    p.max_io = any_of(r, {4096U, 8192U, 16384U, 65536U});
    p.sectors = any_of(r, {16U, 64U, 256U, 1024U}) * std::uint64_t{p.block / 512};
    p.manner.any_order = !r.chance(10 * percent);
    p.manner.partition_scan = !r.chance(30 * percent);
    p.manner.udev = !r.chance(30 * percent);
    p.manner.short_transfers = c.short_transfers && !r.chance(30 * percent);
    p.manner.small_completion_queue = r.chance(20 * percent) && c.overflow;
}

// Any that this kernel has and the medium can use.
void draw_lane(plan& p, random& r) {
    constexpr ashlar::lane lanes[] = {lane::automatic, lane::plain_copy, lane::user_copy,
                                      lane::zero_copy};
    constexpr ashlar::delivery deliveries[] = {delivery::automatic, delivery::by_tag,
                                               delivery::in_batches};
    p.manner.refused_registrations = r.chance(30 * percent);
    p.lane = any_of(r, lanes);
    p.delivery = any_of(r, deliveries);
    if (p.lane == lane::zero_copy && (!p.version.at_least(6, 16) || !passes_data(p.what))) {
        p.lane = lane::user_copy;
    }
    if (p.lane == lane::user_copy && !p.version.at_least(6, 5)) p.lane = lane::plain_copy;
    // Before 7.3 a hand-over and batches do not go together.
    const bool together = p.recovery == recovery::none || p.version.at_least(7, 3);
    if (!p.version.at_least(7, 0) || !together || p.depth == 1) p.delivery = delivery::automatic;
}

// Instead of plain copy, where the medium has a place for its data.
void draw_place(plan& p, random& r) {
    const bool can = p.what == medium::ram && p.delivery != delivery::in_batches;
    const bool wanted = r.chance(50 * percent);
    if (can && wanted && p.lane == lane::plain_copy) p.lane = lane::in_place;
}

void draw_faults(plan& p, const choices& c, random& r) {
    // So many parts of a million, in half of the runs.
    const auto rate = [&](bool allowed, std::uint32_t most) -> std::uint32_t {
        const bool exists = r.chance(25 * percent);
        const auto parts = static_cast<std::uint32_t>(1 + r.below(most));
        return exists && allowed ? parts : 0;
    };
    twin::file_faults& f = p.faults;
    f.read_error = rate(c.disk_errors, 5 * percent);
    f.write_error = rate(c.disk_errors, 5 * percent);
    f.sync_error = rate(c.disk_errors, 5 * percent);
    f.no_space = rate(c.disk_errors, 5 * percent);
    f.again = rate(c.disk_errors, 5 * percent);
    f.interrupted = rate(c.disk_errors, 20 * percent);
    f.short_transfer = rate(c.short_transfers, 40 * percent);
    const bool delays = r.chance(50 * percent);
    const std::uint64_t most = any_of(r, {10'000ULL, 200'000ULL, 5'000'000ULL});
    f.delay_max_ns = delays && c.delays ? most : 0;
}

// How often a client does what: 0 for what does not exist in this run.
struct weights {
    std::uint32_t of[5] = {};  // read, write, flush, discard, write-zeroes
    std::uint32_t sum = 0;
    std::uint32_t fua = 0, preflush = 0, pause = 0, plug = 0, large = 0;
};

constexpr uapi::op ops[] = {uapi::op::read, uapi::op::write, uapi::op::flush, uapi::op::discard,
                            uapi::op::write_zeroes};

weights draw_weights(random& r) {
    weights w;
    for (std::size_t i = 0; i < std::size(ops); ++i) {
        const bool exists = i < 2 || r.chance(50 * percent);
        const auto weight =
            static_cast<std::uint32_t>(i < 2 ? r.between(20, 60) : r.between(1, 15));
        w.of[i] = exists ? weight : 0;
        w.sum += w.of[i];
    }
    const auto sometimes = [&](std::uint32_t chance, std::uint32_t most) {
        const bool exists = r.chance(chance);
        const auto parts = static_cast<std::uint32_t>(1 + r.below(most));
        return exists ? parts : 0;
    };
    w.fua = sometimes(50 * percent, 30 * percent);
    w.preflush = sometimes(30 * percent, 10 * percent);
    w.pause = sometimes(40 * percent, 10 * percent);
    w.plug = sometimes(40 * percent, 20 * percent);
    w.large = sometimes(60 * percent, 50 * percent);
    return w;
}

struct region {
    std::uint32_t first, blocks;
};

operation draw_operation(const plan& p, const weights& w, const region& where, bool small,
                         random& r) {
    operation o;
    auto which = static_cast<std::uint32_t>(r.below(w.sum));
    std::size_t i = 0;
    while (which >= w.of[i]) which -= w.of[i++];
    o.op = ops[i];
    const std::uint32_t per_block = p.block / 512;
    const bool large = r.chance(w.large) && !small;
    const std::uint32_t usual = std::max(1U, (small ? 2048U : 8192U) / p.block);
    const std::uint32_t most = std::min(large ? 131072U / p.block : usual, where.blocks);
    const auto length = static_cast<std::uint32_t>(1 + r.below(most));
    const auto at = static_cast<std::uint32_t>(r.below(where.blocks - length + 1));
    if (o.op != uapi::op::flush) {
        o.sector = (where.first + at) * per_block;
        o.sectors = length * per_block;
    }
    const bool fua = r.chance(w.fua), preflush = r.chance(w.preflush);
    if (o.op == uapi::op::write) {
        o.flags = (fua ? twin::bio::fua : 0U) | (preflush ? twin::bio::preflush : 0U);
    }
    if (o.op == uapi::op::write_zeroes && r.chance(50 * percent)) o.flags = twin::bio::no_unmap;
    const auto pause = static_cast<std::uint32_t>(1 + r.below(500));
    if (r.chance(w.pause)) o.pause_us = pause;
    const auto together = static_cast<std::uint16_t>(1 + r.below(12));
    if (r.chance(w.plug)) o.together = together;
    o.cpu = static_cast<std::int16_t>(r.below(5)) - 1;
    return o;
}

void draw_clients(plan& p, const choices& c, random& r) {
    const auto count = static_cast<unsigned>(r.between(1, 4));
    const std::uint64_t usual = any_of(r, {60U, 200U, 600U, 1500U});
    const std::uint64_t requests = c.requests != 0 ? c.requests : usual;
    const weights w = draw_weights(r);
    const auto blocks = static_cast<std::uint32_t>(p.sectors * 512 / p.block);
    const bool apart = r.chance(40 * percent);  // each client on a part of the disk of its own
    // Now and then nothing overlaps.
    const bool alone = r.chance(50 * percent) && apart;
    p.nothing_overlaps = alone;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t share = std::max(1U, blocks / count);
        const region where =
            apart ? region{std::min(share * i, blocks - share), share} : region{0, blocks};
        client_plan client{.width = any_of(r, {1U, 2U, 4U, 8U, 16U})};
        if (alone) client.width = 1;
        for (std::uint64_t n = 0; n < std::max<std::uint64_t>(1, requests / count); ++n) {
            client.operations.push_back(draw_operation(p, w, where, c.small, r));
        }
        p.clients.push_back(std::move(client));
    }
}

void draw_mishaps(plan& p, const choices& c, random& r) {
    const bool allowed[] = {c.kill, c.power, c.restart, c.foreign, c.foreign, c.failed_calls};
    constexpr std::uint32_t chances[] = {60 * percent, 30 * percent, 20 * percent,
                                         10 * percent, 10 * percent, 15 * percent};
    std::vector<mishap::kind> kinds;
    for (std::size_t i = 0; i < std::size(chances); ++i) {
        if (r.chance(chances[i]) && allowed[i]) kinds.push_back(static_cast<mishap::kind>(i));
    }
    if (kinds.empty()) return;
    const std::uint64_t count = r.between(1, 6);
    const std::uint64_t spread = 200 + p.operations() * 8 / count;
    for (std::uint64_t i = 0; i < count; ++i) {
        mishap m{.what = kinds[r.below(kinds.size())]};
        // Either in the middle of a start or recovery, or anywhere.
        m.after = r.chance(50 * percent) ? r.below(400) : r.below(spread);
        m.rest_us = any_of(r, {0U, 0U, 100U, 20'000U});
        m.number = static_cast<std::uint32_t>(1 + r.below(40));
        m.code = any_of(r, {ENOMEM, EMFILE, EINTR, EBUSY, EIO, ENOSPC});
        p.mishaps.push_back(m);
    }
}

// Of devices that can be quiesced, one in five once.
void draw_quiesce(plan& p, const choices& c, random& r) {
    const bool exists = r.chance(20 * percent);
    const mishap m{.what = mishap::kind::foreign_quiesce, .after = r.below(2'000)};
    const bool possible = p.recovery != recovery::none && p.version.at_least(6, 16);
    if (exists && possible && c.foreign) p.mishaps.push_back(m);
}

// Between any two of those that are there.
void insert_anywhere(plan& p, const mishap& m, random& r) {
    const auto at = r.below(p.mishaps.size() + 1);
    p.mishaps.insert(p.mishaps.begin() + static_cast<std::ptrdiff_t>(at), m);
}

// Of devices that outlive their server, one in three is handed over now and then; of new servers
// one in three dies over it.
void draw_upgrades(plan& p, const choices& c, random& r) {
    if (!r.chance(33 * percent) || !c.upgrades || p.recovery == recovery::none) return;
    for (std::uint64_t left = r.between(1, 3); left != 0; --left) {
        mishap m{.what = mishap::kind::upgrade, .after = r.below(3'000)};
        if (r.chance(33 * percent)) m.number = static_cast<std::uint32_t>(1 + r.below(1'500));
        insert_anywhere(p, m, r);
    }
}

// One in three servers has a broker, which may come to its end.
void draw_broker(plan& p, const choices& c, random& r) {
    p.brokered = r.chance(33 * percent) && c.brokers;
    if (!r.chance(25 * percent) || !p.brokered) return;
    mishap m{.what = mishap::kind::broker_ends, .after = r.below(2'000)};
    m.number = static_cast<std::uint32_t>(r.below(2));
    insert_anywhere(p, m, r);
}

}  // namespace

plan draw_plan(std::uint64_t seed, const choices& c) {
    plan p;
    p.seed = seed;
    // A stream for each part, so that more draws for one don't change another.
    random machine(seed, "machine"), faults(seed, "faults"), work(seed, "workload"),
        mishaps(seed, "mishaps"), lanes(seed, "lanes"), quiesce(seed, "quiesce"),
        places(seed, "places"), upgrades(seed, "upgrades"), broker(seed, "broker"),
        keeper(seed, "keeper");
    draw_machine(p, c, machine);
    draw_lane(p, lanes);
    draw_place(p, places);
    draw_faults(p, c, faults);
    draw_clients(p, c, work);
    draw_mishaps(p, c, mishaps);
    draw_quiesce(p, c, quiesce);
    draw_upgrades(p, c, upgrades);
    draw_broker(p, c, broker);
    p.kept = keeper.chance(50 * percent) && c.keepers;
    // Where nothing overlaps or fails, transfers may end within a sector: else sectors would be
    // torn by right.
    const twin::file_faults& f = p.faults;
    const bool errors =
        f.read_error + f.write_error + f.sync_error + f.no_space + f.again + f.interrupted != 0;
    p.faults.odd_lengths = p.nothing_overlaps && !errors && p.mishaps.empty();
    return p;
}

}  // namespace ashlar::sim
