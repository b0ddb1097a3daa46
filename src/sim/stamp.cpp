// SPDX-License-Identifier: MIT
#include "sim/stamp.hpp"

#include <array>
#include <cstring>

namespace ashlar::sim {

namespace {

constexpr std::size_t words = sector_bytes / 8;
using content = std::array<std::uint64_t, words>;

constexpr std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Of sector and value: stands in the third word, and all further words follow from it.
constexpr std::uint64_t check_of(std::uint64_t sector, value v) {
    return mixed(mixed(sector + 0x9e3779b97f4a7c15) ^ v) | 1;
}

constexpr std::uint64_t step = 0xd1342543de82ef95;

}  // namespace

void stamp(std::span<std::byte, sector_bytes> into, std::uint64_t sector, value v) {
    content c;
    const std::uint64_t check = check_of(sector, v);
    c[0] = sector;
    c[1] = v;
    for (std::size_t i = 2; i < words; ++i) c[i] = check + (i - 2) * step;
    std::memcpy(into.data(), c.data(), sector_bytes);
}

seen look(std::span<const std::byte, sector_bytes> at, std::uint64_t sector) {
    content c;
    std::memcpy(c.data(), at.data(), sector_bytes);
    std::uint64_t any = 0;
    for (std::uint64_t word : c) any |= word;
    if (any == 0) return {.sector = sector};
    const std::uint64_t check = check_of(c[0], c[1]);
    if (c[2] != check) return {.what = seen::kind::garbage};
    std::uint64_t wrong = 0;
    for (std::size_t i = 2; i < words; ++i) wrong |= c[i] ^ (check + (i - 2) * step);
    const seen::kind what = wrong != 0       ? seen::kind::torn
                            : c[0] != sector ? seen::kind::misplaced
                                             : seen::kind::whole;
    return {.what = what, .of = c[1], .sector = c[0]};
}

}  // namespace ashlar::sim
