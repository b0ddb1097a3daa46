// SPDX-License-Identifier: MIT
// The inside of the block layer: disks, their hardware queues and what waits in them.
#pragma once

#include "twin/block.hpp"
#include "twin/fifo.hpp"
#include "twin/kernel.hpp"

#include <memory>
#include <vector>

namespace ashlar::twin {

// What is still to be made requests of.
struct waiting_bio {
    bio* origin = nullptr;
    uapi::op op = uapi::op::read;
    std::uint64_t sector = 0, sectors = 0;
    std::byte* data = nullptr;
    bool zeros = false;  // written from a page of zeros
};

struct hardware_queue {
    disk* home = nullptr;
    std::uint16_t id = 0;
    std::vector<block_request> requests = {};  // by tag
    std::vector<std::uint16_t> free = {};
    fifo<waiting_bio> waiting = {};             // for tags
    std::vector<block_request*> dispatch = {};  // for the driver
    std::vector<block_request*> put_back = {};  // by the driver, until somebody kicks
    bool run_scheduled = false;
    // One flush is under way at a time, for all who wanted one before it began. It has the tag of
    // the first of them.
    block_request flush = {};
    std::vector<block_request*> flush_wanted = {}, flush_running = {}, flush_served = {};
    bool flushing = false;
};

struct disk {
    block_layer::inside* layer = nullptr;
    ublk_device* device = nullptr;
    std::uint32_t id = 0;
    disk_limits limits = {};
    std::vector<hardware_queue> queues = {};
    unsigned openers = 0, in_flight = 0, plugs = 0, freezes = 0;
    bool claimed = false;  // by an exclusive opener
    bool gone = false, stopped = false;
    wait_queue changed = {.what = "the end of what a disk has in flight"};
};

struct block_layer::inside {
    explicit inside(kernel& k) : home(k) {}

    kernel& home;
    std::vector<std::unique_ptr<disk>> disks = {};  // also those that are gone
    std::vector<bio*> finished = {};                // `done` is to be called

    // ---- block_split.cpp ----
    int check(const disk& d, const bio& b) const;
    hardware_queue& queue_for(disk& d, const bio& b);
    void feed(hardware_queue& q);  // makes requests of what waits, as tags are free
    bool feed_one(hardware_queue& q, waiting_bio& w);
    void end_part(bio& b, int error);
    // ---- block_dispatch.cpp ----
    void schedule(hardware_queue& q);
    void run(hardware_queue& q);
    void kick(hardware_queue& q);
    void route(hardware_queue& q, block_request& r);
    void start_flush(hardware_queue& q);
    void end_flush(hardware_queue& q, int error);
    void end_request(block_request& r, int error);
    void give_back(hardware_queue& q, block_request& r, int error);

    static hardware_queue& queue_of(block_request& r) { return r.home->queues[r.queue]; }
};

// Steps of a request with a flush before or after its data.
inline constexpr std::uint8_t step_preflush = 1, step_data = 2, step_postflush = 4;

}  // namespace ashlar::twin
