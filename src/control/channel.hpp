// SPDX-License-Identifier: MIT
// The way that a command takes to the driver: by a ring of this process, or by way of another
// process, where this one has given up the right to send any.
#pragma once

#include "os/machine.hpp"
#include "uapi/ublk.hpp"

#include <memory>
#include <span>

namespace ashlar::control {

class channel {
public:
    // As control::open.
    static result<std::unique_ptr<channel>> open(os::machine& m, bool load_driver);
    virtual ~channel() = default;

    // Blocks until the kernel has answered, or until the deadline: then the command is taken back.
    // The kernel's answer, -errno, or -ETIMEDOUT. `payload` goes to the kernel and is what it has
    // made of it afterwards; the header's address and length are set here.
    virtual int perform(std::uint32_t number, const uapi::ctrl_cmd& header,
                        std::span<std::byte> payload, std::uint64_t limit_ns) = 0;
};

}  // namespace ashlar::control
