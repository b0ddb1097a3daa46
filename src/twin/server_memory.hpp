// SPDX-License-Identifier: MIT
// Memory that processes of twins have taken for requests: what lies in it can be copied at once.
// Other addresses may be anything, and are copied by a system call that survives that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace ashlar::twin {

// Of all twins in this program, each of which has a lock of its own.
struct server_memory {
    static void add(std::uint64_t begin, std::size_t bytes);
    static void remove(std::uint64_t begin);
    static bool has(std::uint64_t begin, std::size_t bytes);

private:
    static inline std::mutex mutex;
    static inline std::map<std::uint64_t, std::uint64_t> ranges;
};

}  // namespace ashlar::twin
