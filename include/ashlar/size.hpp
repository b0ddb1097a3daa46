// SPDX-License-Identifier: MIT
// Sizes in bytes, as people write them: 4096, 64M, 1G, 10TiB. Suffixes are powers of 1024 (K, M, G,
// T, P, E, with or without iB) unless written kB, MB, GB, TB, PB, which are powers of 1000.
#pragma once

#include <ashlar/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar {

// Refuses signs, fractions, unknown suffixes and what does not fit 64 bits; `what` is named in the
// error ("--size").
result<std::uint64_t> parse_size(std::string_view text, std::string_view what);
// A decimal number between two bounds, both allowed.
result<std::uint64_t> parse_number(std::string_view text, std::string_view what, std::uint64_t low,
                                   std::uint64_t high);
// The shortest exact form: 1G, 1536M, 513 (bytes).
std::string format_size(std::uint64_t bytes);

namespace literals {
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
constexpr std::uint64_t operator""_TiB(unsigned long long n) { return n << 40; }
}  // namespace literals

}  // namespace ashlar
