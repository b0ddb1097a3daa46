// SPDX-License-Identifier: MIT
// The keeper of a device: a small process that holds what must outlive the server (a RAM disk's
// memory), watches it, and starts another one when it has died.
#pragma once

#include "cli/worker.hpp"

namespace ashlar::cli {

// The body of the child: starts a server, which tells `to_parent` how it goes, and keeps the device
// served until it is gone. With `watched` it takes over a server that goes on.
[[noreturn]] void keep(server_job job, int to_parent, int watched);

// Tells a keeper that has given up to try again.
bool tell_to_try_again(const recipe& r);

}  // namespace ashlar::cli
