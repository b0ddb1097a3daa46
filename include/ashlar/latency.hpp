// SPDX-License-Identifier: MIT
// How long requests were in a server's hands: a histogram whose buckets are at most an eighth of
// their value wide, so that those of queues and devices can be added up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace ashlar {

struct latency_histogram {
    static constexpr unsigned bits = 3;  // of a value that are kept behind its first
    static constexpr unsigned steps = 1u << bits;
    static constexpr unsigned buckets = 38 * steps;  // the last one from 30 minutes on

    std::array<std::uint64_t, buckets> counts = {};

    static constexpr unsigned bucket_of(std::uint64_t ns) noexcept {
        if (ns < steps) return static_cast<unsigned>(ns);
        const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - bits;
        const auto bucket = shift * steps + static_cast<unsigned>(ns >> shift);
        return std::min(bucket, buckets - 1);
    }
    // The largest value that counts there, nanoseconds; of the last bucket the least.
    static constexpr std::uint64_t most_of(unsigned bucket) noexcept {
        if (bucket < 2 * steps) return bucket;
        const unsigned shift = bucket / steps - 1;
        const std::uint64_t least = (std::uint64_t{bucket % steps} + steps) << shift;
        return bucket + 1 == buckets ? least : least + (std::uint64_t{1} << shift) - 1;
    }

    void merge(const latency_histogram& other) noexcept {
        for (unsigned i = 0; i < buckets; ++i) counts[i] += other.counts[i];
    }
    [[nodiscard]] std::uint64_t count() const noexcept {
        std::uint64_t sum = 0;
        for (std::uint64_t n : counts) sum += n;
        return sum;
    }
    // That many of 100 were not longer, nanoseconds; 0 without a request.
    [[nodiscard]] std::uint64_t percentile(double percent) const noexcept {
        const double wanted = static_cast<double>(count()) * percent / 100;
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < buckets; ++i) {
            sum += counts[i];
            if (counts[i] != 0 && static_cast<double>(sum) >= wanted) return most_of(i);
        }
        return 0;
    }
};

}  // namespace ashlar
