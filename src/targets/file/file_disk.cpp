// SPDX-License-Identifier: MIT
#include "targets/file/file_disk.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <linux/falloc.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

constexpr int punch_hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
constexpr int zero_range = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
// Of a block device, before Linux 6.12: discard, whatever may be read from there afterwards.
constexpr int discard_range = punch_hole | FALLOC_FL_NO_HIDE_STALE;

// What is written where nothing better is to be had. Direct I/O wants it aligned.
alignas(4096) constinit std::byte zeros[64 << 10] = {};

bool is_unsupported(std::error_code failed) {
    return failed == io_error(EOPNOTSUPP) || failed == io_error(ENOSYS) ||
           failed == io_error(ENOTTY);
}

}  // namespace

result<std::shared_ptr<file_disk>> file_disk::make(file_spec spec) {
    std::shared_ptr<file_disk> disk(new file_disk(std::move(spec)));
    if (auto opened = disk->open_gates(); !opened) return failure(std::move(opened).error());
    return disk;
}

result<> file_disk::open_gates() {
    for (unsigned queue = 0; queue < spec_.queues; ++queue) {
        const int fd = spec_.open_again();
        if (fd < 0) return failure({.operation = "open", .object = spec_.name, .code = -fd});
        gates_.emplace_back(fd);
    }
    return {};
}

result<> file_disk::resize(std::uint64_t bytes) {
    if (bytes > spec_.bytes && spec_.make_room) {
        if (auto made = spec_.make_room(bytes); !made) return made;
    }
    spec_.bytes = bytes;
    return {};
}

// Null if the file can't be opened for one more queue than was expected.
sync_gate* file_disk::gate_of(const ring_io& queue) {
    std::lock_guard lock(gates_mutex_);
    for (sync_gate& gate : gates_) {
        if (gate.belongs_to(queue)) return &gate;
    }
    const int fd = spec_.open_again();
    if (fd < 0) return nullptr;
    gates_.emplace_back(fd).belongs_to(queue);
    return &gates_.back();
}

task<std::error_code> file_disk::read(request& r) {
    const std::uint64_t at = spec_.offset + r.offset();
    const std::error_code failed = co_await r.read_from(spec_.fd, at);
    co_return failed;
}

task<std::error_code> file_disk::write(request& r) {
    const std::uint64_t at = spec_.offset + r.offset();
    const std::error_code failed = co_await r.write_to(spec_.fd, at);
    co_return failed;
}

task<std::error_code> file_disk::flush(request& r) {
    if (const int lost = lost_; lost != 0) co_return io_error(lost);
    sync_gate* gate = gate_of(r.ring());
    if (gate == nullptr) co_return io_error(EMFILE);
    sync_turn turn(*gate);
    const bool leads = co_await turn;
    if (!leads) co_return turn.outcome();
    std::error_code failed = co_await r.ring().data_sync(gate->fd());
    failed = remember(failed);
    turn.end(failed);
    co_return failed;
}

// After a sync that failed nobody knows what is on the disk: the kernel takes the pages that it
// could not write for clean ones, and a later sync would find nothing to do.
std::error_code file_disk::remember(std::error_code failed) {
    int lost = 0;
    if (failed && lost_.compare_exchange_strong(lost, failed.value())) {
        log(level::error,
            fmt::format("{}: a sync failed: {}. What was written since the last good flush may be "
                        "lost; all flushes fail from now on",
                        spec_.name, failed.message()));
    }
    lost = lost_;
    return lost != 0 ? io_error(lost) : std::error_code();
}

task<std::error_code> file_disk::write_zeroes(request& r) {
    const std::uint64_t at = spec_.offset + r.offset();
    if (spec_.gives_back && !r.keep_allocated() && can_punch_) {
        const std::error_code failed =
            co_await r.ring().allocate(spec_.fd, punch_hole, at, r.length());
        if (!is_unsupported(failed)) co_return failed;
        can_punch_ = false;
    }
    if (can_zero_) {
        const std::error_code failed =
            co_await r.ring().allocate(spec_.fd, zero_range, at, r.length());
        if (!is_unsupported(failed)) co_return failed;
        can_zero_ = false;
    }
    for (std::uint64_t done = 0; done < r.length();) {
        const std::uint64_t part = std::min<std::uint64_t>(sizeof zeros, r.length() - done);
        const std::span<const std::byte> from(zeros, part);
        const std::error_code failed = co_await r.ring().write(spec_.fd, from, at + done);
        if (failed) co_return failed;
        done += part;
    }
    co_return std::error_code();
}

result<std::shared_ptr<sparse_file_disk>> sparse_file_disk::make(file_spec spec) {
    std::shared_ptr<sparse_file_disk> disk(new sparse_file_disk(std::move(spec)));
    if (auto opened = disk->open_gates(); !opened) return failure(std::move(opened).error());
    return disk;
}

task<std::error_code> sparse_file_disk::discard(request& r) {
    const std::uint64_t at = spec().offset + r.offset();
    int mode = punch_hole;
    if (spec().block_device) {
        if (has_discard_command_) {
            const std::error_code failed = co_await r.ring().discard(spec().fd, at, r.length());
            if (!is_unsupported(failed)) co_return failed;
            has_discard_command_ = false;
        }
        mode = discard_range;
    }
    const std::error_code failed = co_await r.ring().allocate(spec().fd, mode, at, r.length());
    co_return failed;
}

}  // namespace ashlar::targets
