// SPDX-License-Identifier: MIT
// A target that is right as it stands, and must not compile with one of these defined:
// NO_DURABILITY, NO_FLUSH, NO_READ, NO_SIZE. tests/install/run looks for the compiler's words.
#include <ashlar/ashlar.hpp>

struct Disk {
#ifndef NO_DURABILITY
    static constexpr auto durability = ashlar::durability::volatile_cache;
#endif
#ifndef NO_SIZE
    std::uint64_t size() const { return 1 << 20; }
#endif
#ifndef NO_READ
    void read(std::uint64_t, std::span<std::byte> out) { std::ranges::fill(out, std::byte{0}); }
#endif
    void write(std::uint64_t, std::span<const std::byte>) {}
#ifndef NO_FLUSH
    void flush() {}
#endif
};

int main() { return ashlar::serve(Disk{}); }
