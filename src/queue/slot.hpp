// SPDX-License-Identifier: MIT
// What a queue keeps for each tag, and how it names what waits on its ring. For the queue's own
// files.
#pragma once

#include "queue/lane_kind.hpp"
#include "queue/queue.hpp"

namespace ashlar::queue {

// user_data: what is not an operation's is marked in the low bits, above them the tag and the
// number of the queue in its loop; else it is the address of a ring_operation, whose low bits are
// zero.
inline constexpr std::uint64_t kind_mask = 7;
inline constexpr std::uint64_t kind_operation = 0;
inline constexpr std::uint64_t kind_tag = 1;
inline constexpr std::uint64_t kind_wakeup = 2;
inline constexpr std::uint64_t kind_prepare = 3;  // of batches, like the next two
inline constexpr std::uint64_t kind_fetch = 4;
inline constexpr std::uint64_t kind_commit = 5;
inline constexpr std::uint64_t kind_register = 6;
static_assert(alignof(ring_operation) >= 8);
inline constexpr unsigned tag_shift = 3;
inline constexpr unsigned number_shift = 19;
inline constexpr std::uint64_t number_mask = (std::uint64_t{1} << number_shift) - 1;

struct queue::slot final : request {
    enum class owner : std::uint8_t { nobody, kernel, target };

    queue* home = nullptr;
    frame_arena frames;
    std::uint16_t tag = 0;
    owner with = owner::nobody;
    bool flush_follows = false;  // a write with FUA, before a volatile cache is flushed for it
    bool flushing = false;       // … while that flush runs
    bool refused = false;        // the kernel did not take the answer
    bool awaited = false;        // counted among those with the kernel
    bool pooled = false;         // its data is in a buffer of the loop's pool
    bool goes_back = false;      // a read whose data we have to copy from the tag's buffer
    bool asked = false;          // for its data's place: it counts as arrived already
    std::byte* place = nullptr;  // … which is this
    bool registered_by_hand = false;

    void set(operation op, const uapi::io_desc& d, std::span<std::byte> data, int registered) {
        op_ = op;
        offset_ = d.start_sector * uapi::sector_bytes;
        length_ = std::uint64_t{d.nr_sectors} * uapi::sector_bytes;
        data_ = data.data();
        data_bytes_ = data.size();
        copied_ = data.size();  // to the buffer or from it
        registered_ = registered;
        lent_ = nullptr;
        takes_lent_ = false;
        keep_allocated_ = (d.op_flags & uapi::io_f_nounmap) != 0;
    }
    void use_buffer(std::span<std::byte> data) {
        data_ = data.data();
        data_bytes_ = copied_ = data.size();
        registered_ = -1;
    }
    void use_shared() { copied_ = 0; }
    void take_lent() { takes_lent_ = true; }
    [[nodiscard]] const std::byte* lent() const { return lent_; }
    void make_flush() { op_ = operation::flush; }
    void join(ring_io& ring) { ring_ = &ring; }
    [[nodiscard]] std::size_t copied() const { return copied_; }
};

inline queue::slot& queue::slot_of(std::uint16_t tag) {
    if (!made_[tag]) [[unlikely]]
        make_slot(tag);
    return slots_[tag];
}

inline std::uint16_t queue::place_in_table(std::uint16_t tag) const {
    return static_cast<std::uint16_t>(first_place_ + tag);
}

}  // namespace ashlar::queue
