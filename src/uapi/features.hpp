// SPDX-License-Identifier: MIT
// The feature flags of a ublk device (ctrl_dev_info::flags, and the answer of GET_FEATURES).
//
// ADD_DEV drops the flags it does not know and sets or clears some others, without an error.
// So what a device can do is known only from the flags that come back.
#pragma once

#include <cstdint>
#include <span>

namespace ashlar::uapi {

inline constexpr std::uint64_t f_supp_zero_copy = 1ull << 0;
inline constexpr std::uint64_t f_uring_cmd_comp_in_task = 1ull << 1;
inline constexpr std::uint64_t f_need_get_data = 1ull << 2;
inline constexpr std::uint64_t f_user_recovery = 1ull << 3;
inline constexpr std::uint64_t f_user_recovery_reissue = 1ull << 4;
inline constexpr std::uint64_t f_unprivileged_dev = 1ull << 5;
inline constexpr std::uint64_t f_cmd_ioctl_encode = 1ull << 6;
inline constexpr std::uint64_t f_user_copy = 1ull << 7;
inline constexpr std::uint64_t f_zoned = 1ull << 8;
inline constexpr std::uint64_t f_user_recovery_fail_io = 1ull << 9;
inline constexpr std::uint64_t f_update_size = 1ull << 10;
inline constexpr std::uint64_t f_auto_buf_reg = 1ull << 11;
inline constexpr std::uint64_t f_quiesce = 1ull << 12;
inline constexpr std::uint64_t f_per_io_daemon = 1ull << 13;
inline constexpr std::uint64_t f_buf_reg_off_daemon = 1ull << 14;
inline constexpr std::uint64_t f_batch_io = 1ull << 15;
inline constexpr std::uint64_t f_integrity = 1ull << 16;
inline constexpr std::uint64_t f_safe_stop_dev = 1ull << 17;
inline constexpr std::uint64_t f_no_auto_part_scan = 1ull << 18;
inline constexpr std::uint64_t f_shmem_zc = 1ull << 19;
inline constexpr std::uint64_t f_io_desc_size = 1ull << 20;

// All flags of Linux 7.3.
inline constexpr std::uint64_t all_known_flags = (1ull << 21) - 1;

struct feature {
    std::uint64_t bit;
    const char* name;   // the kernel's name without its UBLK_F_
    const char* since;  // the first mainline release in which the flag has an effect
    const char* gives;  // completes "this gives you ..."
};

inline constexpr feature feature_table[] = {
    {f_supp_zero_copy, "SUPPORT_ZERO_COPY", "6.15",
     "the pages of a request as a fixed buffer of the ring, for I/O without a copy"},
    {f_uring_cmd_comp_in_task, "URING_CMD_COMP_IN_TASK", "6.0",
     "delivery of requests through task work (always so since 6.5)"},
    {f_need_get_data, "NEED_GET_DATA", "6.0",
     "the choice of a buffer for a write after the write is known"},
    {f_user_recovery, "USER_RECOVERY", "6.1",
     "a disk that outlives its server and waits for the next one"},
    {f_user_recovery_reissue, "USER_RECOVERY_REISSUE", "6.1",
     "requests of a dead server sent again to the next one, instead of failed"},
    {f_unprivileged_dev, "UNPRIVILEGED_DEV", "6.3",
     "devices made and served without CAP_SYS_ADMIN"},
    {f_cmd_ioctl_encode, "CMD_IOCTL_ENCODE", "6.4", "commands with ioctl-encoded numbers"},
    {f_user_copy, "USER_COPY", "6.5",
     "request data moved by pread and pwrite, when and where the server wants it"},
    {f_zoned, "ZONED", "6.6", "zoned disks"},
    {f_user_recovery_fail_io, "USER_RECOVERY_FAIL_IO", "6.13",
     "a disk that outlives its server and fails requests at once until the next one comes"},
    {f_update_size, "UPDATE_SIZE", "6.16", "a new size for a running disk"},
    {f_auto_buf_reg, "AUTO_BUF_REG", "6.16",
     "zero copy with the pages registered by the driver before the request is delivered"},
    {f_quiesce, "QUIESCE", "6.16",
     "an orderly hand-over of a running disk from one server to the next"},
    {f_per_io_daemon, "PER_IO_DAEMON", "6.16", "the tags of one queue served by different threads"},
    {f_buf_reg_off_daemon, "BUF_REG_OFF_DAEMON", "6.17",
     "registration of request pages from any thread"},
    {f_batch_io, "BATCH_IO", "7.0", "many requests fetched or committed by one command"},
    {f_integrity, "INTEGRITY", "7.0", "protection information beside the data"},
    {f_safe_stop_dev, "SAFE_STOP_DEV", "7.0", "a stop that refuses while the disk is open"},
    {f_no_auto_part_scan, "NO_AUTO_PART_SCAN", "7.0",
     "a disk that starts without a partition scan"},
    {f_shmem_zc, "SHMEM_ZC", "7.1",
     "requests without a copy from memory that client and server share"},
    {f_io_desc_size, "IO_DESC_SIZE", "7.3", "request descriptors wider than 24 bytes"},
};

// In the order of the bits, one row for each bit of all_known_flags.
constexpr std::span<const feature> features() noexcept { return feature_table; }

}  // namespace ashlar::uapi
