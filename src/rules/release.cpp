// SPDX-License-Identifier: MIT
#include "rules/release.hpp"

#include <charconv>

namespace ashlar::rules {

kernel kernel_of_release(std::string_view release) {
    std::uint16_t numbers[3] = {};
    const char* at = release.data();
    const char* const end = at + release.size();
    for (std::uint16_t& number : numbers) {
        const auto [past, problem] = std::from_chars(at, end, number);
        if (problem != std::errc{}) break;
        at = past;
        if (at == end || *at != '.') break;
        ++at;
    }
    kernel k;
    k.release = {numbers[0], numbers[1], numbers[2]};
    return k;
}

}  // namespace ashlar::rules
