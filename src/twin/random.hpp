// SPDX-License-Identifier: MIT
// Random numbers of a simulation: the same on every machine and with every library. Each purpose
// has a stream of its own, so that a new draw for one does not shift another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ashlar::twin {

class random {
public:
    // The stream of this name under a seed.
    constexpr random(std::uint64_t seed, std::string_view name)
        : state_(seed ^ 0x9e3779b97f4a7c15) {
        for (char c : name) {
            state_ ^= static_cast<unsigned char>(c);
            next();
        }
    }

    constexpr std::uint64_t next() {  // splitmix64
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    // From 0 to n - 1; n is not 0. The bias of the remainder is of no importance here.
    constexpr std::uint64_t below(std::uint64_t n) { return next() % n; }
    constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    // True in `parts` of a million cases.
    constexpr bool chance(std::uint32_t parts) { return parts != 0 && below(1'000'000) < parts; }

private:
    std::uint64_t state_;
};

// Takes this one out of a list, which keeps its order unless that is free.
template <class T>
T take_at(std::vector<T>& list, std::size_t place, bool any_order) {
    const T one = list[place];
    if (any_order) {
        list[place] = list.back();
        list.pop_back();
    } else {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(place));
    }
    return one;
}

// Takes one out of a list: any, if its order is free, else the first.
template <class T>
T take_one(std::vector<T>& list, random& choices, bool any_order) {
    return take_at(list, any_order ? choices.below(list.size()) : 0, any_order);
}

}  // namespace ashlar::twin
