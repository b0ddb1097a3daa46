// SPDX-License-Identifier: MIT
// What to ask the kernel for: from what a program wants and what its target can do. Pure functions;
// everything that a person can get wrong is refused here, before the kernel is asked.
#pragma once

#include "uapi/ublk.hpp"

#include <ashlar/serve.hpp>

namespace ashlar::device_room {

struct plan {
    uapi::ctrl_dev_info info;  // for ADD_DEV
    uapi::params params;       // for SET_PARAMS
    std::uint64_t size = 0;    // bytes
    bool read_only = false;
    bool flush_after_fua = false;
};

// `cookie` marks this very device among others of the same id, before and after.
result<plan> make_plan(const options& wanted, const target& served, std::size_t page_bytes,
                       std::uint64_t cookie);

// Refuses a size that no device of such blocks can have. Both in bytes.
result<> check_size(std::uint64_t size, std::uint32_t block);

// Refuses a target whose requests must not be made again after the end of a server.
result<> check_fence(const options& wanted, const target& served);

}  // namespace ashlar::device_room
