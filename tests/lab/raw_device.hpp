// SPDX-License-Identifier: MIT
// What programs that speak to the driver themselves have in common: a device of one queue.
#pragma once

#include "uapi/ublk.hpp"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace lab {

namespace uapi = ashlar::uapi;

inline constexpr std::uint32_t buffer_bytes = 4096;

[[noreturn]] inline void fail(const std::string& what, int code) {
    std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what.c_str(),
                 std::strerror(code));
    std::exit(1);
}

template <class T>
uapi::ctrl_cmd header_of(std::uint32_t id, T& payload) {
    return {
        .dev_id = id, .len = sizeof payload, .addr = reinterpret_cast<std::uintptr_t>(&payload)};
}

inline uapi::ctrl_dev_info one_queue(std::uint16_t depth) {
    return {.nr_hw_queues = 1,
            .queue_depth = depth,
            .max_io_buf_bytes = buffer_bytes,
            .dev_id = uapi::device_id_auto};
}

inline uapi::params without_size() {
    uapi::params params{.len = sizeof params, .types = uapi::param_type_basic};
    params.basic = {.logical_bs_shift = 9,
                    .physical_bs_shift = 12,
                    .io_opt_shift = 12,
                    .io_min_shift = 9,
                    .max_sectors = buffer_bytes / 512};  // without a size nothing is read
    return params;
}

// Waits for udev, or whoever makes it.
inline int open_node(std::uint32_t id) {
    const std::string path = "/dev/ublkc" + std::to_string(id);
    for (int tries = 0; tries < 1000; ++tries) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd >= 0) return fd;
        ::usleep(10'000);
    }
    fail(path, errno);
}

}  // namespace lab
