// SPDX-License-Identifier: MIT
// The plain-copy lane: each tag has a buffer in the server's memory, and the kernel copies a
// request's data to it (a write, before delivery) or from it (a read, at the commit). Every kernel
// has it. Other lanes stand beside this one with the same three questions.
#pragma once

#include "os/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ashlar::queue {

class plain_copy {
public:
    static constexpr std::string_view name = "plain copy";
    // Flags that the device needs for this lane.
    static constexpr std::uint64_t device_flags = 0;

    // Buffers of `bytes` for each of `depth` tags, at page boundaries. Memory that no request has
    // used yet costs nothing.
    static result<plain_copy> open(os::machine& m, unsigned depth, std::size_t bytes);

    // Where a request's data is. Never longer than the tag's buffer: a larger request is refused
    // before it comes here.
    [[nodiscard]] std::span<std::byte> data(unsigned tag, std::size_t length) const noexcept {
        return {memory_.get() + tag * bytes_, length};
    }
    // What FETCH and COMMIT say in their address field.
    [[nodiscard]] std::uint64_t command_address(unsigned tag) const noexcept {
        return reinterpret_cast<std::uintptr_t>(memory_.get() + tag * bytes_);
    }

private:
    struct give_back {
        os::machine* machine;
        std::size_t bytes;
        void operator()(std::byte* memory) const { machine->free_memory({memory, bytes}); }
    };
    plain_copy(os::machine& m, std::span<std::byte> memory, std::size_t bytes)
        : memory_(memory.data(), give_back{&m, memory.size()}), bytes_(bytes) {}

    std::unique_ptr<std::byte, give_back> memory_;
    std::size_t bytes_;
};

}  // namespace ashlar::queue
