// SPDX-License-Identifier: MIT
// A server in the background: a child of its own session, with nothing of the terminal. Until its
// device can be used, what it has to say reaches the program that started it.
#pragma once

#include "cli/messages.hpp"
#include "cli/worker.hpp"

namespace ashlar::cli {

// Returns when the device can be used. After an error no process is left, and no device that was
// not there before. A signal that ends this program before that ends the server, too. The server
// makes its target itself; with `how.supervised` a keeper stands between. The keepsake stays the
// caller's, too. `watched` is the server that a new keeper takes over, which goes on.
result<ready_server> start_in_background(server_job job, int watched = 0);

}  // namespace ashlar::cli
