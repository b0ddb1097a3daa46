// SPDX-License-Identifier: MIT
// A server in the background: a child of its own session, with nothing of the terminal. Until its
// device can be used, what it has to say reaches the program that started it.
#pragma once

#include <ashlar/serve.hpp>

#include <functional>

namespace ashlar::cli {

struct background_server {
    std::uint32_t id;
    int pid;
};

// Returns when the device can be used. After an error no process and no device is left. A signal
// that ends this program before that ends the server, too. The target is made by the server itself,
// from where the caller stands: its descriptors and threads are the server's own.
result<background_server> start_in_background(const std::function<result<target>()>& make,
                                              options wanted);

}  // namespace ashlar::cli
