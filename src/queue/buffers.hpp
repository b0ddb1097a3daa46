// SPDX-License-Identifier: MIT
// A buffer for each tag in the server's memory. Of the plain-copy lane, where the kernel copies a
// request's data to it (a write, before delivery) or from it (a read, at the commit); and of other
// lanes for a target that wants its data in a buffer all the same.
#pragma once

#include "os/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
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
        return {memory_.get() + tag * bytes_, length};
    }
    [[nodiscard]] std::uint64_t address(unsigned tag) const noexcept {
        return reinterpret_cast<std::uintptr_t>(memory_.get() + tag * bytes_);
    }

private:
    struct give_back {
        os::machine* machine;
        std::size_t bytes;
        void operator()(std::byte* memory) const { machine->free_memory({memory, bytes}); }
    };
    buffers(os::machine& m, std::span<std::byte> memory, std::size_t bytes)
        : memory_(memory.data(), give_back{&m, memory.size()}), bytes_(bytes) {}

    std::unique_ptr<std::byte, give_back> memory_;
    std::size_t bytes_ = 0;
};

}  // namespace ashlar::queue
