// SPDX-License-Identifier: MIT
// Memory that is only reserved: zeros, from a page boundary on, each page of which costs something
// only once it is used. It goes back when this goes.
#pragma once

#include "os/machine.hpp"

#include <memory>
#include <span>

namespace ashlar::queue {

class reserved {
public:
    reserved() = default;  // none
    static result<reserved> take(os::machine& m, std::size_t bytes) {
        auto memory = m.allocate_memory(bytes);
        if (!memory) return failure(std::move(memory).error());
        return reserved(m, *memory);
    }
    [[nodiscard]] std::byte* data() const noexcept { return memory_.get(); }

private:
    struct give_back {
        os::machine* machine;
        std::size_t bytes;
        void operator()(std::byte* memory) const { machine->free_memory({memory, bytes}); }
    };
    reserved(os::machine& m, std::span<std::byte> memory)
        : memory_(memory.data(), give_back{&m, memory.size()}) {}

    std::unique_ptr<std::byte, give_back> memory_;
};

}  // namespace ashlar::queue
