// SPDX-License-Identifier: MIT
// The groups of rows, and what their conditions share.
#pragma once

#include "rules/row.hpp"

#include <cerrno>
#include <string_view>

namespace ashlar::rules {

std::span<const row> ring_rows();         // U
std::span<const row> dispatch_rows();     // D, P
std::span<const row> add_rows();          // ADD
std::span<const row> params_rows();       // SET, GETP
std::span<const row> param_value_rows();  // PAR
std::span<const row> start_rows();        // START, SREC, EREC
std::span<const row> end_rows();          // TRY, STOP, DEL, SIZE, QUI
std::span<const row> info_rows();         // FEAT, INFO, AFF
std::span<const row> buffer_rows();       // RBUF, UBUF
std::span<const row> io_rows();           // IO
std::span<const row> slot_rows();         // FETCH, COMMIT, GET, REG, UNREG
std::span<const row> batch_rows();        // B, BE, BF
std::span<const row> file_rows();         // OPEN, MMAP, UC, BLK

inline maybe always(const kernel&, const call&) { return true; }

// A condition on two facts.
template <class A, class B, class F>
maybe both(const fact<A>& a, const fact<B>& b, F&& condition) {
    if (!a.known() || !b.known()) return maybe::unknown();
    return static_cast<bool>(condition(a.value(), b.value()));
}

inline maybe zero(const fact<std::uint64_t>& f) { return f == 0; }

// The number is the encoded one, bit for bit.
inline maybe exactly(const call& c, uapi::ctrl_op op) {
    return c.command_number == uapi::encoded(op);
}

// The path step is made: for devices without privileges, and for GET_DEV_INFO2 on any.
inline maybe path_step(const call& c) {
    return has(c.flags, uapi::f_unprivileged_dev) || c.command_number.is([](std::uint32_t n) {
        return uapi::decode(n).nr == static_cast<std::uint8_t>(uapi::ctrl_op::get_dev_info2);
    });
}

inline constexpr std::uint64_t non_copy_flags =
    uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg;

// The driver copies between the request and the server's buffer.
inline maybe copy_mode(const call& c) { return !has(c.flags, non_copy_flags); }

// Every device has a queue 0 and a tag 0.
inline maybe bad_queue(const call& c) {
    return c.q_id != 0 && both(c.q_id, c.queues, [](auto q, auto n) { return q >= n; });
}
inline maybe bad_tag(const call& c) {
    return c.tag != 0 && both(c.tag, c.depth, [](auto tag, auto n) { return tag >= n; });
}

// The type byte of the command's number is not one that this kernel takes.
inline maybe bad_type(const kernel& k, const call& c) {
    return c.command_number.is([&](std::uint32_t n) {
        const std::uint8_t type = uapi::decode(n).type;
        return type != uapi::command_type && (type != 0 || !k.legacy_opcodes);
    });
}

inline maybe batch_device(const call& c) { return has(c.flags, uapi::f_batch_io); }

// An I/O command's number is the encoded one, bit for bit.
inline maybe exact_io(const call& c) {
    return c.command_number.is(
        [](std::uint32_t n) { return n == uapi::encoded(static_cast<uapi::io_op>(n & 0xff)); });
}

}  // namespace ashlar::rules
