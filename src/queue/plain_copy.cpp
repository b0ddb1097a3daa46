// SPDX-License-Identifier: MIT
#include "queue/plain_copy.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <sys/mman.h>

namespace ashlar::queue {

void plain_copy::unmapper::operator()(std::byte* memory) const noexcept { ::munmap(memory, bytes); }

result<plain_copy> plain_copy::open(unsigned depth, std::size_t bytes) {
    const std::size_t whole = depth * bytes;
    void* memory = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return failure(
            {.operation = "allocate request buffers",
             .object = format_size(whole),
             .code = errno,
             .why = fmt::format("a queue needs {} buffers of {}", depth, format_size(bytes)),
             .remedy = "use a smaller --depth or --max-io, or raise the limits of locked "
                       "and virtual memory (ulimit -l, ulimit -v)"});
    }
    return plain_copy(static_cast<std::byte*>(memory), whole, bytes);
}

}  // namespace ashlar::queue
