// SPDX-License-Identifier: MIT
// Writing to a descriptor until all is written.
#pragma once

#include <cerrno>
#include <string_view>
#include <unistd.h>

namespace ashlar {

// 0, or the errno; ENOSPC of what takes nothing and gives no reason. Blocks as write(2) does.
inline int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote == 0) return ENOSPC;
        if (wrote > 0) text.remove_prefix(static_cast<std::size_t>(wrote));
        if (wrote < 0 && errno != EINTR) return errno;
    }
    return 0;
}

}  // namespace ashlar
