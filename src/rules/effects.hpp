// SPDX-License-Identifier: MIT
// What the driver makes of what it accepts: the flags of ADD_DEV, and the result of a commit.
#pragma once

#include "rules/kernel.hpp"
#include "uapi/ublk.hpp"

#include <cstdint>

namespace ashlar::rules {

// The flags of a device that was made with these wishes, by a caller with CAP_SYS_ADMIN or not.
// Only for wishes that ADD_DEV accepts.
std::uint64_t flags_after_add(const kernel& k, std::uint64_t wished, bool admin);

// What a request becomes when it is committed with a result.
struct outcome {
    enum class kind : std::uint8_t {
        success,    // of the whole
        failure,    // with `error`
        remainder,  // `bytes` are done, and the rest comes to the server as a new request
        again,      // nothing is done, and the same request comes again
    };
    kind what = kind::success;
    std::uint64_t bytes = 0;  // done, as the block layer counts them
    int error = 0;            // positive: as the one who made the request sees it

    friend constexpr bool operator==(const outcome&, const outcome&) = default;
};

outcome outcome_of(const kernel& k, uapi::op op, bool copy_mode, std::uint64_t length,
                   std::int32_t result);

// An errno of the server as the block layer passes it on: what it has no word for becomes EIO.
int errno_after_block_layer(const kernel& k, int error);

}  // namespace ashlar::rules
