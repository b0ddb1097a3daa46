// SPDX-License-Identifier: MIT
// A buffer for each tag in the server's memory, of the plain-copy lane: the kernel copies a
// request's data to it (a write, before delivery, so its address has to be known before the request
// is) or from it (a read, at the commit). Where data is copied later its buffer comes from the
// loop's pool, and from here only if that can't grow.
#pragma once

#include "queue/reserved.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar::queue {

class buffers {
public:
    // None.
    buffers() = default;
    // Buffers of `bytes` for each of `depth` tags, at page boundaries. Memory that no request has
    // used yet costs nothing.
    static result<buffers> open(os::machine& m, unsigned depth, std::size_t bytes);

    // `length` is at most a buffer's: a larger request is refused before it comes here.
    [[nodiscard]] std::span<std::byte> of(unsigned tag, std::size_t length) const noexcept {
        return {memory_.data() + tag * bytes_, length};
    }
    [[nodiscard]] std::uint64_t address(unsigned tag) const noexcept {
        return reinterpret_cast<std::uintptr_t>(memory_.data() + tag * bytes_);
    }

private:
    buffers(reserved memory, std::size_t bytes) : memory_(std::move(memory)), bytes_(bytes) {}

    reserved memory_;
    std::size_t bytes_ = 0;
};

}  // namespace ashlar::queue
