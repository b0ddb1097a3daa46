// SPDX-License-Identifier: MIT
// What lanes have in common.
#pragma once

#include <ashlar/serve.hpp>

namespace ashlar::queue {

// By this lane the kernel moves data between requests and the buffers of their tags.
constexpr bool kernel_copies(lane which) {
    return which == lane::plain_copy || which == lane::shared_memory;
}
constexpr bool is_zero_copy(lane which) {
    return which == lane::zero_copy || which == lane::zero_copy_manual;
}

}  // namespace ashlar::queue
