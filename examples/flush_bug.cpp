// SPDX-License-Identifier: MIT
// Finds a bug in a target without root, module or virtual machine: its flush does nothing. A power
// cut of a simulated machine shows what that costs. Exit status 1: the bug was found.
#include <ashlar/ashlar.hpp>
#include <ashlar/twin.hpp>

#include <cstdio>

struct Disk {
    int file;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    std::uint64_t size() const { return 1 << 20; }
    ashlar::task<std::error_code> read(ashlar::request& r) {
        co_return co_await r.ring().read(file, r.data(), r.offset());
    }
    ashlar::task<std::error_code> write(ashlar::request& r) {
        co_return co_await r.ring().write(file, r.data(), r.offset());
    }
    ashlar::task<> flush(ashlar::request&) { co_return; }  // the bug: data_sync(file) is missing
};

int main() {
    std::vector<std::byte> sent(4096, std::byte{0xa5});
    std::vector<std::byte> found(4096);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        ashlar::twin::machine m({.seed = seed});
        const int file = m.make_file(1 << 20);
        auto disk = m.serve(Disk{file});
        if (!disk || disk->write(0, sent) || disk->flush()) return 2;
        m.cut_power();
        auto again = m.serve(Disk{file});
        if (!again || again->read(0, found)) return 2;
        if (found == sent) continue;
        std::printf("seed %lu: written and flushed, and lost with the power\n", seed);
        return 1;
    }
}
