// SPDX-License-Identifier: MIT
// Locks against two writers of one file. They are qemu's: shared locks of an open file description
// on single bytes behind the hundredth say what its owner does and what it can't stand of others.
// So ashlar and the programs of qemu keep out of each other's images, and so does everybody who
// locks whole files.
//
// The kernel gives such a lock up when nothing refers to the description any more: not the process,
// and no I/O of its under way. Who has got the lock knows that a server before it, killed or not,
// writes no more.
#pragma once

#include <ashlar/error.hpp>

#include <string>
#include <sys/stat.h>

namespace ashlar::targets {

// Blocks while the file is locked and no living process has it open, up to `patience_ms`: then it
// is a killed one's I/O that holds it. EBUSY names who has it. File systems without locks are no
// error.
result<> lock_file(int fd, const std::string& name, bool writes, unsigned patience_ms);

// The open file that this process has locked, as a descriptor of our own: its lock is ours then,
// for as long as either has it. -1 if it has none, or may not be asked.
int locked_descriptor_of(int process, const struct stat& file);

// Refuses a file that a loop device has: loop takes no lock.
result<> check_loop_devices(int fd, const std::string& name);

// Who has this file or block device in use, as far as can be seen: "process 12 (qemu)", "mounted at
// /mnt"; empty if it is nobody. With `locks`: only processes that have locked it.
std::string users_of(int fd, bool locks);

}  // namespace ashlar::targets
