// SPDX-License-Identifier: MIT
// The words of the Linux ublk driver up to 7.3: structs, commands, flags, limits, encodings.
//
// Written from the facts of the interface, so that a program can be built on any distribution
// and speak to any kernel; what a given kernel knows is asked at run time (GET_FEATURES). This
// header has the words of the control plane and includes the rest of them.
//
//     uapi::ctrl_dev_info info{.nr_hw_queues = 4, .queue_depth = 128,
//                              .max_io_buf_bytes = 512 << 10, .dev_id = uapi::device_id_auto};
//
// Every struct is what the kernel copies, byte by byte (host byte order), and zero by default,
// except that a ctrl_cmd names no queue. Numbers that the kernel may extend stay integers in
// the structs; the enums are for those who interpret them.
#pragma once

#include "uapi/commands.hpp"
#include "uapi/features.hpp"
#include "uapi/params.hpp"
#include "uapi/requests.hpp"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ashlar::uapi {

inline constexpr std::uint32_t device_id_auto = 0xffffffff;  // ADD_DEV: the lowest free id
inline constexpr std::uint32_t device_id_max = (1u << 20) - 1;
inline constexpr std::uint16_t queue_id_none = 0xffff;
inline constexpr std::uint32_t dev_path_bytes_max = 4096;

// ctrl_dev_info::state. A device that was added and not yet started is dead, too.
enum class device_state : std::uint16_t { dead = 0, live = 1, quiesced = 2, fail_io = 3 };

// Payload of every control command, in the 80 command bytes of a 128-byte SQE.
struct ctrl_cmd {
    std::uint32_t dev_id = 0;
    std::uint16_t queue_id = queue_id_none;  // ADD_DEV refuses anything else, the rest ignore it
    std::uint16_t len = 0;
    std::uint64_t addr = 0;
    std::uint64_t data[1] = {};
    // The path of /dev/ublkcN lies before the payload at addr (6.3; unprivileged devices and
    // GET_DEV_INFO2).
    std::uint16_t dev_path_len = 0;
    std::uint16_t pad = 0;
    std::uint32_t reserved = 0;
};

struct ctrl_dev_info {
    std::uint16_t nr_hw_queues = 0;
    std::uint16_t queue_depth = 0;
    std::uint16_t state = 0;         // a `device_state`
    std::uint16_t io_desc_size = 0;  // 0 before Linux 7.3, meaning 24
    std::uint32_t max_io_buf_bytes = 0;
    std::uint32_t dev_id = 0;
    std::int32_t ublksrv_pid = 0;
    std::uint32_t pad1 = 0;
    std::uint64_t flags = 0;
    std::uint64_t ublksrv_flags = 0;  // the server's own: the kernel stores and never reads them
    std::uint32_t owner_uid = 0;
    std::uint32_t owner_gid = 0;
    std::uint64_t reserved1 = 0;
    std::uint64_t reserved2 = 0;
};

// Payload of REG_BUF. Its result is an index from 0 to shmem_buf_index_max.
struct shmem_buf_reg {
    std::uint64_t addr = 0;
    std::uint64_t len = 0;
    std::uint32_t flags = 0;
    std::uint32_t reserved = 0;
};

inline constexpr std::uint32_t shmem_buf_read_only = 1u << 0;
inline constexpr std::uint32_t shmem_buf_index_max = 65535;
inline constexpr std::uint64_t shmem_buf_bytes_max = 1ull << 32;

static_assert(std::is_trivially_copyable_v<ctrl_cmd> && std::is_standard_layout_v<ctrl_cmd>);
static_assert(sizeof(ctrl_cmd) == ctrl_cmd_bytes);
static_assert(offsetof(ctrl_cmd, dev_id) == 0);
static_assert(offsetof(ctrl_cmd, queue_id) == 4);
static_assert(offsetof(ctrl_cmd, len) == 6);
static_assert(offsetof(ctrl_cmd, addr) == 8);
static_assert(offsetof(ctrl_cmd, data) == 16);
static_assert(offsetof(ctrl_cmd, dev_path_len) == 24);
static_assert(offsetof(ctrl_cmd, pad) == 26);
static_assert(offsetof(ctrl_cmd, reserved) == 28);
static_assert(std::is_trivially_copyable_v<ctrl_dev_info> &&
              std::is_standard_layout_v<ctrl_dev_info>);
static_assert(sizeof(ctrl_dev_info) == 64);
static_assert(offsetof(ctrl_dev_info, nr_hw_queues) == 0);
static_assert(offsetof(ctrl_dev_info, queue_depth) == 2);
static_assert(offsetof(ctrl_dev_info, state) == 4);
static_assert(offsetof(ctrl_dev_info, io_desc_size) == 6);
static_assert(offsetof(ctrl_dev_info, max_io_buf_bytes) == 8);
static_assert(offsetof(ctrl_dev_info, dev_id) == 12);
static_assert(offsetof(ctrl_dev_info, ublksrv_pid) == 16);
static_assert(offsetof(ctrl_dev_info, pad1) == 20);
static_assert(offsetof(ctrl_dev_info, flags) == 24);
static_assert(offsetof(ctrl_dev_info, ublksrv_flags) == 32);
static_assert(offsetof(ctrl_dev_info, owner_uid) == 40);
static_assert(offsetof(ctrl_dev_info, owner_gid) == 44);
static_assert(offsetof(ctrl_dev_info, reserved1) == 48);
static_assert(offsetof(ctrl_dev_info, reserved2) == 56);
static_assert(std::is_trivially_copyable_v<shmem_buf_reg> &&
              std::is_standard_layout_v<shmem_buf_reg>);
static_assert(sizeof(shmem_buf_reg) == 24);
static_assert(offsetof(shmem_buf_reg, addr) == 0);
static_assert(offsetof(shmem_buf_reg, len) == 8);
static_assert(offsetof(shmem_buf_reg, flags) == 16);
static_assert(offsetof(shmem_buf_reg, reserved) == 20);
static_assert(sizeof(io_cmd) == io_cmd_bytes);
static_assert(sizeof(batch_io) == io_cmd_bytes);

}  // namespace ashlar::uapi
