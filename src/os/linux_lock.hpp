// SPDX-License-Identifier: MIT
// A lock of a file that is waited for with a limit: who has it may be stopped, or stuck.
#pragma once

#include "os/machine.hpp"

#include <memory>
#include <string>

namespace ashlar::os {

// Blocks for `limit_ns` at most; the error is ETIMEDOUT then, and says who has the lock, as far as
// that can be seen. The file is made if need be.
result<std::unique_ptr<path_lock>> lock_within(const std::string& path, std::uint64_t limit_ns);

}  // namespace ashlar::os
