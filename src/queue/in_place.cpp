// SPDX-License-Identifier: MIT
// Answers in place: the kernel copies a read from where it lies in the target's memory, and a write
// to where it will lie.
//
// The kernel keeps the address of an answer for the tag's next request, and would put the data of
// a write there. So these devices have UBLK_F_NEED_GET_DATA: of a write the kernel tells first,
// with its descriptor, and copies once it has been given a place. Until then there is no answer.
#include "queue/slot.hpp"

#include <algorithm>

namespace ashlar::queue {

void queue::data_wanted(slot& s) {
    s.with = slot::owner::target;
    s.place = nullptr;
    if (!s.asked) {  // else the kernel could not copy, and asks once more
        s.asked = true;
        count_arrival(s);
    }
    if (holding_) [[unlikely]] {
        kept_.push_back(&s);
    } else {
        give_place(s);
    }
}

// What has been kept back goes on.
void queue::begin(slot& s) {
    if (s.asked) {
        give_place(s);
    } else {
        start(s);
    }
}

void queue::give_place(slot& s) {
    const uapi::io_desc d = descriptors_[s.tag];
    const std::uint64_t bytes = std::uint64_t{d.nr_sectors} * uapi::sector_bytes;
    operation op = operation::flush;
    std::span<std::byte> there;
    // One that will be refused needs its data all the same, and Linux 6.1 asks for flushes, too.
    if (!refusal(d, op) && op == operation::write && target_.table().place != nullptr) {
        there = target_.table().place(target_.object(), d.start_sector * uapi::sector_bytes, bytes);
    }
    if (there.empty()) there = buffers_.of(s.tag, std::min<std::size_t>(bytes, spec_.max_io));
    s.place = there.data();
    command(s, uapi::io_op::need_get_data, 0, reinterpret_cast<std::uintptr_t>(s.place));
}

// The request is the kernel's again, which has taken it back.
void queue::data_refused(slot& s, int refusal) {
    if (refusal != -uapi::io_res_abort) note(s, refusal, "the kernel refused a place for its data");
    s.asked = false;
    with_target_ -= 1;
    counters_.since[s.tag].set(0);
}

// Where the kernel finds the data of an answer. A read that has failed needs an address, too.
std::uint64_t queue::answer_address(const slot& s) const {
    if (spec_.lane != lane::in_place || s.op() != operation::read) return buffer_address(s.tag);
    return s.lent() != nullptr ? reinterpret_cast<std::uintptr_t>(s.lent())
                               : buffers_.address(s.tag);
}

}  // namespace ashlar::queue
