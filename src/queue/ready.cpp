// SPDX-License-Identifier: MIT
#include "queue/ready.hpp"

#include "base/try.hpp"
#include "os/ring.hpp"
#include "uapi/ublk.hpp"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace ashlar::queue {

result<> make_ready_once(os::machine& m, int char_fd, std::uint16_t queue, std::uint16_t depth,
                         bool copies, bool raw_commands) {
    // A fetch in copy mode needs an address, though no data will come; in others it must have none.
    std::byte nowhere{};
    const auto address = copies ? reinterpret_cast<std::uintptr_t>(&nowhere) : 0;
    ASHLAR_TRY(auto ring, os::ring::open(m, {.entries = std::bit_ceil(unsigned{depth}),
                                             .single_issuer = true}));
    constexpr auto fetch = uapi::io_op::fetch_req;
    for (std::uint16_t tag = 0; tag < depth; ++tag) {
        io_uring_sqe* entry = ring->prepare();
        if (entry == nullptr) break;
        entry->opcode = IORING_OP_URING_CMD;
        entry->fd = char_fd;
        entry->cmd_op = raw_commands ? uapi::raw(fetch) : uapi::encoded(fetch);
        const uapi::io_cmd payload{.q_id = queue, .tag = tag, .addr = address};
        std::memcpy(entry->cmd, &payload, sizeof payload);
    }
    // Those that the dead server had fetched are refused, which is as it should be.
    const int entered = ring->enter(0, os::no_timeout);
    if (entered >= 0 || entered == -EAGAIN) return {};
    return failure({.operation = "io_uring_enter",
                    .object = fmt::format("queue {}", queue),
                    .code = -entered});
}

}  // namespace ashlar::queue
