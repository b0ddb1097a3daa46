// SPDX-License-Identifier: MIT
#include "rules/effects.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::rules {

std::uint64_t flags_after_add(const kernel& k, std::uint64_t wished, bool admin) {
    std::uint64_t flags = wished;
    if (k.at_least(6, 3)) {
        if (admin) flags &= ~uapi::f_unprivileged_dev;
        else if ((flags & uapi::f_unprivileged_dev) != 0) {
            flags &= ~(uapi::f_user_recovery | uapi::f_user_recovery_reissue);
        }
    }
    flags &= k.features();
    std::uint64_t forced = 0;
    if (k.at_least(6, 5) || k.modular) forced |= uapi::f_uring_cmd_comp_in_task;
    forced |= uapi::f_cmd_ioctl_encode | uapi::f_buf_reg_off_daemon | uapi::f_safe_stop_dev |
              uapi::f_per_io_daemon;
    flags |= forced & k.features();
    if ((flags & uapi::f_batch_io) != 0) flags &= ~uapi::f_per_io_daemon;
    constexpr std::uint64_t buffer_is_known =
        uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg | uapi::f_batch_io;
    if ((flags & buffer_is_known) != 0) flags &= ~uapi::f_need_get_data;
    return flags;
}

int errno_after_block_layer(const kernel& k, int error) {
    constexpr int passed[] = {EOPNOTSUPP, ETIMEDOUT,    ENOSPC,    ENOLINK, EREMOTEIO,
                              EBADE,      ENODATA,      EILSEQ,    ENOMEM,  EBUSY,
                              EAGAIN,     ETOOMANYREFS, EOVERFLOW, ENODEV,  EREMCHG};
    if (std::ranges::find(passed, error) != std::end(passed)) return error;
    if (error == ETIME && k.at_least(6, 5)) return error;
    if (error == EINVAL && k.at_least(6, 11)) return error;
    return EIO;
}

outcome outcome_of(const kernel& k, uapi::op op, bool copy_mode, std::uint64_t length,
                   std::int32_t result) {
    using enum outcome::kind;
    if (result < 0) return {failure, 0, errno_after_block_layer(k, -result)};
    const bool read = op == uapi::op::read;
    if (!read && op != uapi::op::write) return {success, length, 0};
    const auto done = static_cast<std::uint64_t>(result);
    if (done >= length) return {success, length, 0};
    if (read && done == 0) return {failure, 0, EIO};
    // From 7.3 on what the server did by itself counts as the whole.
    if (k.at_least(7, 3) && !(read && copy_mode)) return {success, length, 0};
    if (done == 0) return {again, 0, 0};
    return {remainder, done, 0};
}

}  // namespace ashlar::rules
