// SPDX-License-Identifier: MIT
// User copy: the server moves a request's data by pread and pwrite on the character device, at a
// position that names the request (KERNEL.md 3.3).
#pragma once

#include "os/machine.hpp"

#include <span>
#include <system_error>

namespace ashlar::queue {

// A request in the server's hands.
struct copy_place {
    os::machine* machine;
    int char_fd;
    std::uint16_t queue;
    std::uint16_t tag;
};

// Whole or failed. `skip` is where in the request it begins, in bytes; all of it is within the
// request: kernels before 6.18 count bytes behind its end as copied.
std::error_code copy_from_request(const copy_place& p, std::size_t skip, std::span<std::byte> into);
std::error_code copy_to_request(const copy_place& p, std::size_t skip,
                                std::span<const std::byte> from);
// Memory that is zeros for ever.
std::span<const std::byte> some_zeros();
std::error_code zero_request(const copy_place& p, std::size_t skip, std::size_t bytes);

}  // namespace ashlar::queue
