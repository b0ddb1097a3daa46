// SPDX-License-Identifier: MIT
#include "device/process.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <sys/mman.h>
#include <sys/resource.h>

namespace ashlar::device_room {

result<> lock_process_memory() {
    // On first use and not at once: a sparse disk of a terabyte costs what is written to it.
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
    const int code = errno;
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    return failure({.operation = "lock the server's memory",
                    .object = {},
                    .code = code,
                    .why = fmt::format("the limit of locked memory is {} KiB (RLIMIT_MEMLOCK)",
                                       limit.rlim_cur >> 10),
                    .remedy =
                        "raise it (ulimit -l unlimited, or LimitMEMLOCK=infinity of the unit), "
                        "or use --no-lock if nothing here swaps on this device"});
}

}  // namespace ashlar::device_room
