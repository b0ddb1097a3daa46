// SPDX-License-Identifier: MIT
// The way out of a recovery that was broken off.
//
// Linux 6.12 and older start no recovery (EINVAL) of a device none of whose queues is ready. Such a
// one is left by a server that dies between START_USER_RECOVERY and its last FETCH, and the tags
// that it had fetched stay counted.
#pragma once

#include "os/machine.hpp"

#include <cstdint>

namespace ashlar::queue {

// Fetches the tags of a queue that are still missing, and lets go of them: then it has been ready,
// which is enough for all queues. Nothing is delivered meanwhile. The calling thread counts as the
// queue's server: it should end before the recovery is started. `copies`: the device is one
// of plain copy.
//
// The driver's work that follows the end of the round takes back all commands of the device, those
// of a next round, too, if it comes late. So this waits for it, seconds at most: one tag is kept
// until that work has taken it back.
result<> make_ready_once(os::machine& m, int char_fd, std::uint16_t queue, std::uint16_t depth,
                         bool copies, bool raw_commands);

}  // namespace ashlar::queue
