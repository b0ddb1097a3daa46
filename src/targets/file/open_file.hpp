// SPDX-License-Identifier: MIT
// From a path to a disk: opens the file, refuses what can't be served, locks it, finds out its size
// and shape, and whether direct I/O is possible. All of it before the device is made, on a thread
// that may block.
#pragma once

#include "targets/file/file_disk.hpp"

#include <optional>

namespace ashlar::targets {

enum class direct_io : std::uint8_t { automatic, on, off };

struct file_request {
    std::string path = {};
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> size = {};         // else all behind the offset
    std::optional<std::uint64_t> device_size = {};  // of a device that has this disk already
    direct_io direct = direct_io::automatic;
    bool create = false;  // where there is none, of offset + size
    bool read_only = false;
    bool locking = true;
    bool discard = true;
    std::uint32_t block_size = 0;          // bytes; 0: what suits the file
    unsigned queues = 1;                   // see file_spec
    std::optional<std::uint32_t> id = {};  // of the device that this becomes
    int predecessor = 0;                   // process whose lock this takes over, and lives
    unsigned patience_ms = 5000;           // how long to wait for I/O of a killed server
};

struct opened_file {
    file_spec spec;
    bool in_memory = false;  // tmpfs, served without the ring
    bool direct = false;
    bool can_discard = false;
};

// May block for `patience_ms`.
result<opened_file> open_file(const file_request& wanted);

// The disk that suits what was opened.
result<target> disk_of(opened_file file);

}  // namespace ashlar::targets
