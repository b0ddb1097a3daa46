// SPDX-License-Identifier: MIT
// The targets that a simulated server serves: memory, a file by I/O on the queue's ring, and broken
// ones that a simulation must find out.
#pragma once

#include "sim/plan.hpp"
#include "twin/process.hpp"

#include <ashlar/target.hpp>

#include <cstddef>
#include <vector>

namespace ashlar::sim {

// What holds the data while servers come and go.
struct storage {
    std::vector<std::byte> memory = {};  // of ram
    twin::file* disk = nullptr;          // of the others
    bool direct = false;                 // it is opened with O_DIRECT
};
storage make_storage(twin::kernel& k, const plan& p);

// A target for one server; `fd` is a descriptor of the file in that process, or -1.
result<target> make_target(const plan& p, storage& where, int fd, twin::process& who);
// Opens what the target needs: a descriptor, or -1 where it needs none.
result<int> open_storage(const plan& p, const storage& where, twin::process& who);

}  // namespace ashlar::sim
