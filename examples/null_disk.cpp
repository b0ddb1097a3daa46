// SPDX-License-Identifier: MIT
// A disk that forgets: the least that a target can be. Run it as root; Ctrl-C removes the disk.
#include <ashlar/ashlar.hpp>

struct Null {
    std::uint64_t size() const { return 1ULL << 30; }
    void read(std::uint64_t, std::span<std::byte> out) { std::ranges::fill(out, std::byte{0}); }
    void write(std::uint64_t, std::span<const std::byte>) {}
};
int main() { return ashlar::serve(Null{}); }
