// SPDX-License-Identifier: MIT
// A RAM disk of one gibibyte. Run it as root, then: mkfs.ext4 /dev/ublkb0. Ctrl-C removes the disk.
#include <ashlar/ashlar.hpp>

#include <algorithm>
#include <vector>

struct Ram {
    std::vector<std::byte> bytes;

    std::uint64_t size() const { return bytes.size(); }
    void read(std::uint64_t at, std::span<std::byte> out) {
        std::ranges::copy_n(&bytes[at], static_cast<std::ptrdiff_t>(out.size()), out.data());
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        std::ranges::copy(in, &bytes[at]);
    }
};

int main() { return ashlar::serve(Ram{std::vector<std::byte>(1 << 30)}); }
