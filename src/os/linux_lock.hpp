// SPDX-License-Identifier: MIT
// A lock of a file that is waited for with a limit: who has it may be stopped, or stuck.
#pragma once

#include "os/linux_broker.hpp"
#include "os/machine.hpp"

#include <fcntl.h>
#include <memory>
#include <string>

namespace ashlar::os {

// A file that is locked is opened so, and made if need be.
inline constexpr int lock_file_flags = O_RDWR | O_CREAT | O_NOFOLLOW;

// Locks the file of `fd`, which is the lock's from here on. Blocks for `limit_ns` at most; the
// error is ETIMEDOUT then, and says who has the lock, as far as that can be seen, by `helper` if
// need be. This process locks, not its broker, which has other work to do, and would be taken for
// the owner.
result<std::unique_ptr<path_lock>> lock_within(int fd, const std::string& path,
                                               std::uint64_t limit_ns,
                                               file_broker* helper = nullptr);

// The process that has a lock of this file, by /proc/locks; 0 if that can't be seen.
int owner_of_lock(int fd);

}  // namespace ashlar::os
