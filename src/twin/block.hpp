// SPDX-License-Identifier: MIT
// The block layer over the disks that the driver makes: it takes what users of a disk want (bio),
// makes requests of it that the disk's limits allow, gives them tags, hands them to the driver, and
// tells the users when all parts are done.
#pragma once

#include "twin/executor.hpp"
#include "uapi/ublk.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ashlar::twin {

class kernel;
struct disk;
struct ublk_device;
struct uring_command;

// What a user wants of a disk. It belongs to the user and lives until `done`; so does its memory.
struct bio {
    enum : std::uint32_t {
        fua = 1,
        preflush = 2,
        no_unmap = 4,
        meta = 8,
        // One request as it stands here, whatever the disk's limits, size and attributes are: for
        // servers that are to be shown what no kernel sends.
        as_it_is = 16
    };

    uapi::op op = uapi::op::read;  // read, write, flush, discard, write_zeroes
    std::uint32_t flags = 0;
    std::uint64_t sector = 0;
    std::uint64_t sectors = 0;
    std::byte* data = nullptr;  // of reads and writes
    int cpu = -1;               // from which it comes (chooses the hardware queue); -1: any
    // 0 or a negative errno as the user sees it (-EIO, -ENOSPC, -EREMOTEIO …). Called with the
    // kernel's lock held, in a step of its own; may submit.
    void (*done)(bio& b, int error) = nullptr;
    void* user = nullptr;

    // For the block layer.
    disk* home = nullptr;
    unsigned parts_left = 0;
    int error = 0;
};

// One request for the driver.
struct block_request {
    uapi::op op = uapi::op::read;
    std::uint32_t flags = 0;  // as they stand in a descriptor (uapi::io_f_…)
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::byte* data = nullptr;
    bio* origin = nullptr;  // null: of the flush machinery
    disk* home = nullptr;
    std::uint16_t queue = 0, tag = 0;
    std::uint64_t bytes = 0;  // exactly: what is left of a request may end within a sector
    // For the driver: registrations of the data (KERNEL.md 12.5), the server's result, and whether
    // the server works in memory that it shares with the user.
    unsigned references = 0;
    bool committed = false, in_place = false;
    std::int32_t result = 0;
    std::uint64_t started_ns = 0;
    // For the flush machinery: what is still to do (preflush, data, postflush).
    std::uint8_t steps = 0;
};

// The limits and attributes of a disk, from SET_PARAMS.
struct disk_limits {
    std::uint64_t sectors = 0;
    std::uint32_t logical_block = 512;
    std::uint32_t max_sectors = 0;
    std::uint32_t chunk_sectors = 0;
    std::uint32_t max_discard_sectors = 0, discard_granularity = 0, max_write_zeroes_sectors = 0;
    bool read_only = false, volatile_cache = false, fua = false, rotational = false;
};

// Read-only view of a disk for its users.
struct disk_info {
    std::uint32_t id = 0;
    disk_limits limits = {};
    unsigned openers = 0;
    unsigned in_flight = 0;     // bios that are not done
    std::size_t under_way = 0;  // requests that have a tag, wherever they are
};

class block_layer {
public:
    explicit block_layer(kernel& k);
    ~block_layer();

    // ---- for users, with the kernel's lock held ----
    // The disk /dev/ublkbN; null if there is none.
    disk* find(std::uint32_t id);
    [[nodiscard]] disk_info info(const disk& d) const;
    // Opens it; an exclusive opener excludes other exclusive ones. 0 or a negative errno (BLK-).
    int open(disk& d, bool admin, std::uint32_t uid, std::uint32_t gid, bool exclusive);
    void close(disk& d, bool exclusive);
    // Takes it; `done` is always called, later. Submissions between plug and unplug become visible
    // to the driver together.
    void submit(disk& d, bio& b);
    void plug(disk& d);
    void unplug(disk& d);
    // Submits and waits: 0 or a negative errno.
    int perform(disk& d, bio& b);

    // ---- for the driver ----
    disk& add_disk(ublk_device& device, std::uint32_t id, const disk_limits& limits,
                   std::uint16_t queues, std::uint16_t depth);
    void resize(disk& d, std::uint64_t sectors);
    // No more openers, no more requests from users: later ones fail; waits until all bios are done.
    void remove_disk(disk& d);
    // The driver's answer to a request: bytes that are done (the rest is sent again unless
    // `whole`), or a negative errno.
    void complete(block_request& r, std::int64_t bytes, bool whole);
    void fail(block_request& r, int error);
    static ublk_device& device_of(const block_request& r);
    // Gives the request again to the driver, now or after a while; os::no_timeout: when the queues
    // are started the next time.
    void requeue(block_request& r, std::uint64_t delay_ns = 0);
    // Requests that wait in a queue that is stopped (quiesced) stay; this lets them go on.
    void stop_queues(disk& d);
    void start_queues(disk& d);
    // Waits until nothing is in flight, and holds up what comes until `unfreeze`.
    void freeze(disk& d);
    void unfreeze(disk& d);
    // Reads the first and the last blocks, as a partition scan does; waits.
    // Of a command: only until its process is killed.
    void read_ends(disk& d, uring_command* of = nullptr);
    void power_off();  // everything is gone at once, nobody is told

    struct inside;

private:
    std::unique_ptr<inside> inside_;
};

}  // namespace ashlar::twin
