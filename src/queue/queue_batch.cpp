// SPDX-License-Identifier: MIT
// The queue of a device with batches: how requests come and answers go there.
#include "base/try.hpp"
#include "queue/slot.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cerrno>

namespace ashlar::queue {

// Null if the kernel takes no entries any more.
io_uring_sqe* queue::batch_entry(std::uint64_t user_data) {
    io_uring_sqe* entry = ring_.prepare();
    if (entry == nullptr) return nullptr;
    entry->user_data = name_ | user_data;
    with_kernel_ += 1;
    return entry;
}

result<> queue::fetch_in_batches() {
    for (std::uint16_t tag = 0; tag < spec_.depth; ++tag) {
        batches_->add(tag, 0, buffer_address(tag));
    }
    io_uring_sqe* entry = batch_entry(kind_prepare);
    if (entry != nullptr) batches_->fill_prepare(*entry);
    // Tags are prepared before they are fetched: a recovery refuses the fetch until they all are.
    while (!prepared_ && !leaving_) {
        ASHLAR_CHECK(loop_.submit_all());
        if (!prepared_ && !leaving_) loop_.wait_for_one();
    }
    batches_->clear();
    if (fetch_refusal_ != 0 || leaving_) return {};
    fetch_batch();
    return loop_.submit_all();
}

void queue::fetch_batch() {
    fetch_again_ = false;
    io_uring_sqe* entry = batch_entry(kind_fetch);
    if (entry == nullptr) return;
    batches_->fill_fetch(*entry);
    fetch_under_way_ = true;
}

// False if there was nothing to send, or the command before it is still under way.
bool queue::send_answers() {
    if (!spec_.in_batches || !batches_->can_commit()) return false;
    io_uring_sqe* entry = batch_entry(kind_commit);
    if (entry == nullptr) return false;
    batches_->fill_commit(*entry);
    return true;
}

void queue::batch_arrived(int outcome, unsigned flags) {
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        if (outcome > 0) {
            for (const std::uint16_t tag : batches_->tags(outcome, flags)) {
                if (tag >= spec_.depth) continue;
                slot& s = slot_of(tag);
                if (s.with == slot::owner::kernel) arrived(s);
            }
        }
        batches_->give_back(flags);
    }
    if ((flags & IORING_CQE_F_MORE) != 0) return;
    with_kernel_ -= 1;
    fetch_under_way_ = false;
    if (outcome == uapi::io_res_abort) {  // the end of the device, or of this round
        return round_ends();
    }
    if (fetching_) {
        fetch_refusal_ = -outcome;
        return;
    }
    // All buffers of tags were in use, or completions had no room.
    fetch_again_ = outcome == -ENOBUFS || outcome >= 0;
    if (fetch_again_) return;
    log(level::error, fmt::format("device {}: queue {}: the kernel delivers no more: {}",
                                  spec_.device, spec_.id, errno_text(-outcome)));
}

void queue::batch_committed(int outcome) {
    with_kernel_ -= 1;
    if (const auto refused = batches_->committed(outcome)) [[unlikely]] {
        answer_again(slots_[*refused], outcome < 0 ? -outcome : EIO);
    }
    if (batches_->commit_left() == 0) [[likely]]
        return;
    if (io_uring_sqe* rest = batch_entry(kind_commit)) batches_->fill_rest(*rest);
}

}  // namespace ashlar::queue
