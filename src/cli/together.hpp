// SPDX-License-Identifier: MIT
// All devices of a file in this process, with threads that they share.
#pragma once

#include <string>

namespace ashlar::cli {

struct together_manner {
    std::string path;      // of the file
    unsigned threads = 0;  // 0: one for each processor
};

// Returns when a signal has ended it, with an exit code. Blocks the signals that it waits for, so
// it has to be called before there are other threads.
int serve_together(const together_manner& how);

}  // namespace ashlar::cli
