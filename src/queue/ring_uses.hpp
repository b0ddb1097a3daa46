// SPDX-License-Identifier: MIT
// What the data plane does with its rings, and so what a restricted one lets through: commands to
// the driver, the operations of asynchronous handlers (ring_io.cpp), and the tables of a ring.
#pragma once

#include "os/machine.hpp"

namespace ashlar::queue {

inline constexpr std::uint8_t ring_operations[] = {
    IORING_OP_URING_CMD,  IORING_OP_READ,        IORING_OP_WRITE,
    IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_FSYNC,
    IORING_OP_FALLOCATE,  IORING_OP_POLL_ADD,    IORING_OP_TIMEOUT,
};
inline constexpr std::uint8_t ring_registrations[] = {
    IORING_REGISTER_FILES,
    IORING_REGISTER_BUFFERS2,
    IORING_REGISTER_PBUF_RING,
    IORING_UNREGISTER_PBUF_RING,
};
inline constexpr os::ring_uses ring_uses = {
    .operations = ring_operations,
    .entry_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS,
    .registrations = ring_registrations,
};

}  // namespace ashlar::queue
