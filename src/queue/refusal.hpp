// SPDX-License-Identifier: MIT
// Why the kernel refused to take a tag, by the rows of the driver's contract.
#pragma once

#include "queue/queue.hpp"

namespace ashlar::queue {

// `address` is that of the tag's buffer, as it was sent.
error explain_fetch(const queue_spec& spec, std::uint64_t address, int code);

}  // namespace ashlar::queue
