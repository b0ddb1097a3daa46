// SPDX-License-Identifier: MIT
#include "sim/media.hpp"

#include "targets/file/file_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace ashlar::sim {

namespace {

constexpr const char* disk_path = "/disk";

struct ram_disk {
    std::span<std::byte> bytes;
    ashlar::geometry shape;
    static constexpr auto fence = ashlar::fence::process;

    std::uint64_t size() const { return bytes.size(); }
    ashlar::geometry geometry() const { return shape; }
    void read(std::uint64_t at, data_out& out) { out.lend({&bytes[at], out.left()}); }
    void write(std::uint64_t at, data_in& in) { in.take({&bytes[at], in.left()}); }
    std::span<std::byte> place(std::uint64_t at, std::uint64_t length) {
        return bytes.subspan(at, length);
    }
    void discard(std::uint64_t at, std::uint64_t length) { std::memset(&bytes[at], 0, length); }
    void write_zeroes(std::uint64_t at, std::uint64_t length) { discard(at, length); }
};

// A file by I/O on the ring, as a simple target has it. With `through`, nothing is answered before
// it is on the disk; without, it forgets that a sync has failed.
template <bool through>
struct ring_file {
    int fd;
    std::uint64_t bytes;
    ashlar::geometry shape;

    static constexpr auto fence = ashlar::fence::release;
    static constexpr auto durability =
        through ? ashlar::durability::write_through : ashlar::durability::volatile_cache;
    static constexpr bool passes_data = true;
    std::uint64_t size() const { return bytes; }
    ashlar::geometry geometry() const { return shape; }
    task<std::error_code> read(request& r) {
        const std::error_code failed = co_await r.read_from(fd, r.offset());
        co_return failed;
    }
    task<std::error_code> write(request& r) {
        const std::error_code failed = co_await r.write_to(fd, r.offset());
        if (failed || !through) co_return failed;
        const std::error_code unsynced = co_await r.ring().data_sync(fd);
        co_return unsynced;
    }
    task<std::error_code> flush(request& r) {
        const std::error_code failed = co_await r.ring().data_sync(fd);
        co_return failed;
    }
    task<std::error_code> discard(request& r) {
        constexpr int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        const std::error_code failed =
            co_await r.ring().allocate(fd, punch, r.offset(), r.length());
        if (failed || !through) co_return failed;
        const std::error_code unsynced = co_await r.ring().data_sync(fd);
        co_return unsynced;
    }
    task<std::error_code> write_zeroes(request& r) {
        const int mode =
            r.keep_allocated() ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
        const std::error_code failed = co_await r.ring().allocate(fd, mode, r.offset(), r.length());
        if (failed || !through) co_return failed;
        const std::error_code unsynced = co_await r.ring().data_sync(fd);
        co_return unsynced;
    }
};

// A file with handlers that answer at once, whole or broken.
struct direct_file {
    twin::file& disk;
    ashlar::geometry shape;
    medium what;
    unsigned writes = 0, discards = 0;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    static constexpr auto fence = ashlar::fence::process;
    std::uint64_t size() const { return disk.size(); }
    ashlar::geometry geometry() const { return shape; }
    void read(std::uint64_t at, std::span<std::byte> out) { disk.read(at, out); }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        const bool odd = ++writes % 37 == 0;
        if (odd && what == medium::canary_lost) return;
        if (odd && what == medium::canary_neighbour && at + in.size() < size()) at += sector_bytes;
        disk.write(at, in);
    }
    void flush() {
        if (what != medium::canary_flush) disk.end_sync(disk.begin_sync());
    }
    void discard(std::uint64_t at, std::uint64_t length) {
        if (what == medium::canary_stale && ++discards % 5 == 0) return;
        disk.punch(at, length);
    }
    void write_zeroes(std::uint64_t at, std::uint64_t length) { disk.zero(at, length); }
    static constexpr std::uint64_t sector_bytes = uapi::sector_bytes;
};

bool is_on_ring(medium m) {
    return m == medium::file || m == medium::through || m == medium::canary_sync;
}

// What the target file has on Linux from targets/file/open_file.hpp.
result<target> make_file_disk(const plan& p, const storage& where, int fd, twin::process& who) {
    struct descriptors {
        twin::process& who;
        std::vector<int> open;
        ~descriptors() {
            for (const int one : open) who.close(one);
        }
    };
    auto held = std::make_shared<descriptors>(who, std::vector<int>());
    const std::string path = where.disk->path();
    auto disk = targets::sparse_file_disk::make(
        {.name = path,
         .fd = fd,
         .bytes = p.sectors * uapi::sector_bytes,
         .geometry = {.logical_block = p.block},
         .block_device = where.disk->block_device,
         .queues = p.queues,
         .open_again =
             [held, path] {
                 auto again = held->who.open(path, O_RDWR);
                 if (!again) return -again.error().code;
                 held->open.push_back(*again);
                 return *again;
             },
         .bytes_now = [bytes = p.sectors * uapi::sector_bytes] { return bytes; }});
    if (!disk) return failure(std::move(disk).error());
    return target(std::move(*disk));
}

}  // namespace

storage make_storage(twin::kernel& k, const plan& p) {
    const std::uint64_t bytes = p.sectors * uapi::sector_bytes;
    storage s;
    if (is_on_file(p.what)) {
        s.disk = &k.make_file(disk_path, bytes);
        s.disk->faults = p.faults;
        // Some of each, by the seed.
        s.direct = p.what == medium::file && p.seed % 2 == 0;
        s.disk->block_device = p.what == medium::file && p.seed % 3 == 0;
    } else {
        s.memory.resize(bytes);
    }
    return s;
}

result<int> open_storage(const plan& p, const storage& where, twin::process& who) {
    if (!is_on_ring(p.what)) return -1;
    return who.open(where.disk->path(), O_RDWR | (where.direct ? O_DIRECT : 0));
}

result<target> make_target(const plan& p, storage& where, int fd, twin::process& who) {
    const ashlar::geometry shape = {.logical_block = p.block};
    const std::uint64_t bytes = p.sectors * uapi::sector_bytes;
    switch (p.what) {
        case medium::ram: return target(ram_disk{where.memory, shape});
        case medium::file: return make_file_disk(p, where, fd, who);
        case medium::canary_sync: return target(ring_file<false>{fd, bytes, shape});
        case medium::through: return target(ring_file<true>{fd, bytes, shape});
        default: return target(direct_file{*where.disk, shape, p.what});
    }
}

}  // namespace ashlar::sim
