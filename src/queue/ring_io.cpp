// SPDX-License-Identifier: MIT
// Operations of asynchronous handlers: how one is put on the ring, and what its completion means.
#include <ashlar/io.hpp>

#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <sys/ioctl.h>

namespace ashlar {

namespace {

// The most that one read or write moves on Linux (MAX_RW_COUNT, rounded down to a page).
constexpr std::uint64_t transfer_max = 0x7ffff000;

// BLOCK_URING_CMD_DISCARD of linux/blkdev.h, which Debian 12 has not.
constexpr unsigned command_discard = _IO(0x12, 0);

}  // namespace

void ring_io::fill(ring_operation& o, void* submission_entry) noexcept {
    auto* entry = static_cast<io_uring_sqe*>(submission_entry);
    const auto length = static_cast<unsigned>(std::min(o.length_, transfer_max));
    const auto* memory = reinterpret_cast<const void*>(o.address_);
    switch (o.kind_) {
        case ring_operation::kind::read:
            io_uring_prep_rw(o.registered_ >= 0 ? IORING_OP_READ_FIXED : IORING_OP_READ, entry,
                             o.fd_, memory, length, o.at_);
            if (o.registered_ >= 0) entry->buf_index = static_cast<std::uint16_t>(o.registered_);
            break;
        case ring_operation::kind::write:
            io_uring_prep_rw(o.registered_ >= 0 ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE, entry,
                             o.fd_, memory, length, o.at_);
            if (o.registered_ >= 0) entry->buf_index = static_cast<std::uint16_t>(o.registered_);
            break;
        case ring_operation::kind::sync: io_uring_prep_fsync(entry, o.fd_, 0); break;
        case ring_operation::kind::data_sync:
            io_uring_prep_fsync(entry, o.fd_, IORING_FSYNC_DATASYNC);
            break;
        case ring_operation::kind::allocate:
            io_uring_prep_fallocate(entry, o.fd_, o.mode_, static_cast<off_t>(o.at_),
                                    static_cast<off_t>(o.length_));
            break;
        case ring_operation::kind::discard:
            entry->opcode = IORING_OP_URING_CMD;
            entry->fd = o.fd_;
            entry->cmd_op = command_discard;
            entry->addr = o.at_;
            entry->addr3 = o.length_;
            break;
        case ring_operation::kind::poll:
            io_uring_prep_poll_add(entry, o.fd_, static_cast<unsigned>(o.mode_));
            break;
        case ring_operation::kind::wait: {
            auto* time = reinterpret_cast<__kernel_timespec*>(o.time_);
            time->tv_sec = static_cast<std::int64_t>(o.length_ / 1'000'000'000);
            time->tv_nsec = static_cast<long long>(o.length_ % 1'000'000'000);
            io_uring_prep_timeout(entry, time, 0, 0);
            break;
        }
    }
}

std::coroutine_handle<> ring_io::completed(ring_operation& o, int result) noexcept {
    const bool transfer =
        o.kind_ == ring_operation::kind::read || o.kind_ == ring_operation::kind::write;
    if (result == -EINTR && o.kind_ != ring_operation::kind::wait) return {};
    if (o.kind_ == ring_operation::kind::wait && result == -ETIME) result = 0;
    if (result < 0) {
        o.failed_ = {-result, std::generic_category()};
    } else if (transfer) {
        const auto moved = static_cast<std::uint64_t>(result);
        if (moved == 0 && o.length_ != 0) {
            // The end of the file: a read has nothing to give, a write no room.
            const int code = o.kind_ == ring_operation::kind::read ? EIO : ENOSPC;
            o.failed_ = {code, std::generic_category()};
            return o.waiter_;
        }
        o.address_ += moved;
        o.at_ += moved;
        o.length_ -= moved;
        if (o.length_ != 0) return {};
    }
    return o.waiter_;
}

}  // namespace ashlar
