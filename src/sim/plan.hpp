// SPDX-License-Identifier: MIT
// All that a run is to do, drawn before it begins: the machine, the disk, what each client asks of
// it and what goes wrong when. A list can be shortened, and what is left still means the same.
#pragma once

#include "rules/kernel.hpp"
#include "twin/file.hpp"
#include "twin/kernel.hpp"
#include "uapi/requests.hpp"

#include <ashlar/serve.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::sim {

// What serves the disk. The canaries are broken and must be found out.
enum class medium : std::uint8_t {
    ram,              // answers at once; its memory outlives the server, not the power
    file,             // the target file: a volatile cache, I/O on the queue's ring
    through,          // a simpler one on the ring, synced after each write
    plain_file,       // a file with a volatile cache, answered at once
    canary_flush,     // flush does nothing
    canary_sync,      // a sync that has failed is forgotten by the next one
    canary_lost,      // now and then a write does nothing
    canary_stale,     // now and then a discard does nothing
    canary_neighbour  // now and then a write goes to the sector behind
};
std::string_view name(medium m);
std::optional<medium> medium_named(std::string_view text);
bool is_on_file(medium m);
bool keeps_in_cache(medium m);  // a volatile one
bool passes_data(medium m);     // to a descriptor, so that it need not come to the server

struct operation {
    uapi::op op = uapi::op::read;
    std::uint32_t flags = 0;  // twin::bio's
    std::uint32_t sector = 0, sectors = 0;
    std::uint32_t pause_us = 0;  // after the one before it
    std::int16_t cpu = -1;
    std::uint16_t together = 0;  // this and so many that follow are seen by the driver at once
};

struct client_plan {
    unsigned width = 1;  // requests under way at a time
    std::vector<operation> operations = {};
};

// Something that happens to the server or to the machine.
struct mishap {
    enum class kind : std::uint8_t {
        kill,             // the server, at any step
        power_cut,        // of the whole machine
        restart,          // an orderly stop
        foreign_stop,     // STOP_DEV by somebody else
        foreign_delete,   // … and DEL_DEV
        failed_call,      // one of the server's next calls fails
        foreign_quiesce,  // QUIESCE_DEV by somebody else, who then takes nothing over
        upgrade,          // a new server has the running device handed over
        broker_ends       // or hears and never answers; if servers have one
    };
    kind what = kind::kill;
    std::uint64_t after = 0;    // steps since the one before
    std::uint32_t rest_us = 0;  // until a new server starts
    // failed_call: which. upgrade: the new server dies after so many steps, or not (0).
    // broker_ends: it falls silent (1).
    std::uint32_t number = 0;
    int code = 0;          // … and its errno
    bool serving = false;  // the steps count from when a server serves
};
std::string_view name(mishap::kind k);
inline constexpr std::size_t mishap_kinds = 9;

// A call to the kernel that is to fail, of the first or a later server.
struct failing_call {
    unsigned server = 0, call = 0;  // from 1 on; 0: none
    int code = 0;
    bool for_ever = false;  // and all calls after it
};

struct plan {
    std::uint64_t seed = 1;
    rules::kernel version = {};
    twin::manners manner = {};
    twin::file_faults faults = {};
    medium what = medium::ram;
    ashlar::recovery recovery = ashlar::recovery::none;
    ashlar::lane lane = ashlar::lane::automatic;
    ashlar::delivery delivery = ashlar::delivery::automatic;
    std::uint32_t id = 0;
    unsigned queues = 1, depth = 8;
    std::uint32_t block = 512, max_io = 4096;
    std::uint64_t sectors = 64;
    std::vector<client_plan> clients = {};
    bool brokered = false;          // another process sends the servers' control commands
    bool kept = false;              // a keeper decides about the next server
    bool nothing_overlaps = false;  // each client has a place of its own, and waits for each answer
    std::vector<mishap> mishaps = {};
    failing_call failing = {};

    [[nodiscard]] std::size_t operations() const;
    [[nodiscard]] bool has(mishap::kind k) const;
    [[nodiscard]] std::string text() const;  // one line
};

// What may be drawn.
struct choices {
    std::optional<rules::kernel> version = {};  // else one of all, by seed
    std::optional<medium> what = {};            // else any but the canaries
    std::optional<ashlar::recovery> recovery = {};
    std::uint64_t requests = 0;  // a run; 0: some hundreds, by seed
    bool small = false;          // requests of at most 4 KiB, mishaps as usual
    bool kill = true, power = true, restart = true, foreign = true, failed_calls = true;
    bool upgrades = false, brokers = false, keepers = false;
    bool disk_errors = true, short_transfers = true, delays = true, overflow = true;
};

plan draw_plan(std::uint64_t seed, const choices& c);

// A plan made shorter. Lists are of the numbers of what is kept.
struct cut {
    std::optional<std::vector<std::size_t>> clients = {}, mishaps = {};
    std::size_t first = 0, last = ~std::size_t{0};  // of each client's operations
    bool no_disk_errors = false, no_short_transfers = false, no_delays = false, no_overflow = false;
    bool polite = false;  // none of the kernel's rude manners

    [[nodiscard]] std::string options() const;  // of the command line, each with a blank before it
};
plan shortened(plan p, const cut& c);

}  // namespace ashlar::sim
