// SPDX-License-Identifier: MIT
// The null target: writes go nowhere, reads give unspecified bytes (what the request's buffer held,
// or what was in the reader's own memory). For measuring ashlar itself.
#pragma once

#include <ashlar/option.hpp>

namespace ashlar::targets {

class null_disk {
public:
    static constexpr auto fence = ashlar::fence::process;

    explicit null_disk(std::uint64_t bytes) : bytes_(bytes) {}

    [[nodiscard]] std::uint64_t size() const { return bytes_; }
    void resize(std::uint64_t bytes) { bytes_ = bytes; }
    void read(std::uint64_t, data_out& out) { out.leave_rest(); }
    void write(std::uint64_t, data_in& in) { in.skip_rest(); }
    void discard(std::uint64_t, std::uint64_t) {}
    void write_zeroes(std::uint64_t, std::uint64_t) {}

private:
    std::uint64_t bytes_;
};

extern const target_kind null_kind;

}  // namespace ashlar::targets
