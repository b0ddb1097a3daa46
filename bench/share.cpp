// SPDX-License-Identifier: MIT
// Shares memory with the server of a device, for fio, which can take its buffers from a file:
//     share ID BYTES
// Prints the path by which that memory can be mapped, and holds it until a signal.
#include <ashlar/shared_memory.hpp>

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

int main(int count, char** words) {
    if (count != 3) return 2;
    const auto id = static_cast<std::uint32_t>(std::strtoul(words[1], nullptr, 10));
    auto memory = ashlar::shared_memory::make(id, std::strtoul(words[2], nullptr, 10));
    if (!memory) {
        std::fprintf(stderr, "share: %s\n", memory.error().text().c_str());
        return 1;
    }
    const std::byte* begin = memory->bytes().data();
    std::printf("/proc/%d/map_files/%zx-%zx\n", ::getpid(), reinterpret_cast<std::size_t>(begin),
                reinterpret_cast<std::size_t>(begin + memory->bytes().size()));
    std::fflush(stdout);
    ::pause();
}
