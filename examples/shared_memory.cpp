// SPDX-License-Identifier: MIT
// Writes to a device and reads it back, from and to memory that this program shares with the
// device's server. Run it as root, on a device with nothing on it that you need:
//     ashlar run mem 64M --lane shared-memory &
//     shared_memory 0
#include <ashlar/shared_memory.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>

int main(int count, char** words) {
    if (count != 2) return 2;
    const auto id = static_cast<std::uint32_t>(std::strtoul(words[1], nullptr, 10));
    constexpr std::size_t half = 1 << 20;
    auto memory = ashlar::shared_memory::make(id, 2 * half);
    if (!memory) {
        std::fprintf(stderr, "%s\n", memory.error().text().c_str());
        return 1;
    }
    const auto sent = memory->bytes().first(half);
    const auto got = memory->bytes().last(half);
    for (std::size_t i = 0; i < half; ++i) sent[i] = static_cast<std::byte>(i * 7 % 251);

    const int disk = ::open(("/dev/ublkb" + std::to_string(id)).c_str(), O_RDWR | O_DIRECT);
    const bool moved = disk >= 0 && ::pwrite(disk, sent.data(), half, 0) == ssize_t{half} &&
                       ::pread(disk, got.data(), half, 0) == ssize_t{half};
    if (!moved) std::perror("the disk");
    ::close(disk);
    if (!moved || !std::ranges::equal(sent, got)) return 1;
    std::printf("%zu bytes were written and read back\n", half);
}
