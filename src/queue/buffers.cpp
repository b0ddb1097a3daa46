// SPDX-License-Identifier: MIT
#include "queue/buffers.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

namespace ashlar::queue {

result<buffers> buffers::open(os::machine& m, unsigned depth, std::size_t bytes) {
    const std::size_t whole = depth * bytes;
    auto memory = reserved::take(m, whole);
    if (!memory) {
        return failure(
            {.operation = "allocate request buffers",
             .object = format_size(whole),
             .code = memory.error().code,
             .why = fmt::format("a queue needs {} buffers of {}", depth, format_size(bytes)),
             .remedy = "use a smaller --depth or --max-io, or raise the limits of locked "
                       "and virtual memory (ulimit -l, ulimit -v)"});
    }
    return buffers(std::move(*memory), bytes);
}

}  // namespace ashlar::queue
