// SPDX-License-Identifier: MIT
// Targets for tests.
#pragma once

#include <ashlar/target.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace ashlar::test {

// A RAM disk whose bytes outlive it, so that a test can look at them.
struct ram {
    explicit ram(std::size_t size) : bytes(std::make_shared<std::vector<std::byte>>(size)) {}

    std::shared_ptr<std::vector<std::byte>> bytes;
    static constexpr auto fence = ashlar::fence::process;

    std::uint64_t size() const { return bytes->size(); }
    void read(std::uint64_t at, std::span<std::byte> out) {
        std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        std::ranges::copy(in, bytes->begin() + static_cast<std::ptrdiff_t>(at));
    }
};

}  // namespace ashlar::test
