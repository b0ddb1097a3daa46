// SPDX-License-Identifier: MIT
// What both halves of the model know of a ring.
#pragma once

#include "support/model_machine.hpp"

#include <atomic>
#include <bit>

namespace ashlar::test {

struct model_machine::ring_state {
    std::vector<io_uring_sqe> sqes;
    std::vector<io_uring_cqe> cqes;
    std::vector<io_uring_cqe> ready;  // completed, not yet on the ring
    std::vector<int> registered;
    std::map<int, std::uint64_t> wakeups;  // descriptor: user_data of the read that waits
    unsigned sq_head = 0, sq_tail = 0, sq_flags = 0, cq_head = 0, cq_tail = 0;
    bool wide = false;
};

}  // namespace ashlar::test
