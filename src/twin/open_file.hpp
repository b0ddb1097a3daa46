// SPDX-License-Identifier: MIT
// An open file description: what descriptors, registered files of rings, mappings and commands
// under way refer to.
#pragma once

#include "twin/executor.hpp"

#include <cstdint>
#include <vector>

namespace ashlar::twin {

class file;
struct disk;
struct ring_operation;
struct ublk_device;

struct open_file {
    enum class kind : std::uint8_t { control, character, block, wakeup, regular };

    kind what = kind::regular;
    bool readable = true, writable = true, exclusive = false, direct = false;
    unsigned references = 1;
    process* opener = nullptr;                  // may be gone
    ublk_device* device = nullptr;              // character: until its release
    disk* whole_disk = nullptr;                 // block
    file* content = nullptr;                    // regular
    std::uint32_t seen_sync_errors = 0;         // … of its content
    std::uint64_t signals = 0;                  // wakeup
    std::vector<ring_operation*> readers = {};  // of a wakeup, which wait for a signal
};

}  // namespace ashlar::twin
