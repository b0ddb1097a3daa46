// SPDX-License-Identifier: MIT
// What tests of the twin's driver do with data.
#pragma once

#include "support/raw_server.hpp"

#include <doctest/doctest.h>

namespace ashlar::testing {

inline void fill(std::vector<std::byte>& data, unsigned salt) {
    for (std::size_t i = 0; i < data.size(); ++i) {
        data[i] = static_cast<std::byte>(i * 7 + i / 512 + salt);
    }
}

// Writes something at a place, reads it back and compares.
inline void write_and_read(twin::kernel& k, raw_server& s, std::uint64_t sector,
                           std::uint64_t sectors) {
    user_io write(k, s.id, uapi::op::write, sector, sectors);
    fill(write.data, static_cast<unsigned>(sector));
    CHECK(write.run(s) == 0);
    user_io read(k, s.id, uapi::op::read, sector, sectors);
    CHECK(read.run(s) == 0);
    CHECK(read.data == write.data);
}

}  // namespace ashlar::testing
