// SPDX-License-Identifier: MIT
// The ublk commands and their numbers.
//
// A control command goes to /dev/ublk-control, an I/O command to /dev/ublkcN; both travel as
// io_uring commands. Each has two numbers: the raw one (a bare byte, all that Linux 6.0 to 6.3
// know) and the encoded one (an ioctl number, known from 6.4 on and the only one that a kernel
// without CONFIG_BLKDEV_UBLK_LEGACY_OPCODES takes).
//
//     sqe->cmd_op = uapi::encoded(uapi::ctrl_op::add_dev);  // 0xc0207504
#pragma once

#include <cstdint>

namespace ashlar::uapi {

enum class ctrl_op : std::uint8_t {
    get_queue_affinity = 0x01,
    get_dev_info = 0x02,
    add_dev = 0x04,
    del_dev = 0x05,
    start_dev = 0x06,
    stop_dev = 0x07,
    set_params = 0x08,
    get_params = 0x09,
    start_user_recovery = 0x10,
    end_user_recovery = 0x11,
    get_dev_info2 = 0x12,
    get_features = 0x13,
    del_dev_async = 0x14,
    update_size = 0x15,
    quiesce_dev = 0x16,
    try_stop_dev = 0x17,
    reg_buf = 0x18,
    unreg_buf = 0x19,
};

enum class io_op : std::uint8_t {
    fetch_req = 0x20,
    commit_and_fetch_req = 0x21,
    need_get_data = 0x22,
    register_io_buf = 0x23,
    unregister_io_buf = 0x24,
    prep_io_cmds = 0x25,
    commit_io_cmds = 0x26,
    fetch_io_cmds = 0x27,
};

inline constexpr ctrl_op ctrl_ops[] = {
    ctrl_op::get_queue_affinity,
    ctrl_op::get_dev_info,
    ctrl_op::add_dev,
    ctrl_op::del_dev,
    ctrl_op::start_dev,
    ctrl_op::stop_dev,
    ctrl_op::set_params,
    ctrl_op::get_params,
    ctrl_op::start_user_recovery,
    ctrl_op::end_user_recovery,
    ctrl_op::get_dev_info2,
    ctrl_op::get_features,
    ctrl_op::del_dev_async,
    ctrl_op::update_size,
    ctrl_op::quiesce_dev,
    ctrl_op::try_stop_dev,
    ctrl_op::reg_buf,
    ctrl_op::unreg_buf,
};

inline constexpr io_op io_ops[] = {
    io_op::fetch_req,       io_op::commit_and_fetch_req, io_op::need_get_data,
    io_op::register_io_buf, io_op::unregister_io_buf,    io_op::prep_io_cmds,
    io_op::commit_io_cmds,  io_op::fetch_io_cmds,
};

// False for a number that was cast to the enum and names no command of Linux 7.3.
constexpr bool is_known(ctrl_op command) noexcept {
    for (const ctrl_op known : ctrl_ops) {
        if (known == command) return true;
    }
    return false;
}

constexpr bool is_known(io_op command) noexcept {
    for (const io_op known : io_ops) {
        if (known == command) return true;
    }
    return false;
}

// The direction an ioctl number declares, as seen by the process: `read` brings data to it.
// The driver never looks at these two bits, with the exceptions named at `encoded`.
enum class ioc_direction : std::uint8_t { none = 0, write = 1, read = 2, read_write = 3 };

// An ioctl number taken apart. A raw number decodes to direction none, size 0 and type 0.
struct command_number {
    ioc_direction direction = ioc_direction::none;
    std::uint16_t size = 0;  // 14 bits
    std::uint8_t type = 0;
    std::uint8_t nr = 0;

    friend constexpr bool operator==(const command_number&, const command_number&) = default;
};

inline constexpr std::uint8_t command_type = 'u';
inline constexpr std::uint16_t ctrl_cmd_bytes = 32;
inline constexpr std::uint16_t io_cmd_bytes = 16;

constexpr command_number decode(std::uint32_t number) noexcept {
    return {
        .direction = static_cast<ioc_direction>(number >> 30),
        .size = static_cast<std::uint16_t>((number >> 16) & 0x3fffu),
        .type = static_cast<std::uint8_t>(number >> 8),
        .nr = static_cast<std::uint8_t>(number),
    };
}

constexpr std::uint32_t encode(const command_number& number) noexcept {
    return (static_cast<std::uint32_t>(number.direction) << 30) |
           ((std::uint32_t{number.size} & 0x3fffu) << 16) | (std::uint32_t{number.type} << 8) |
           number.nr;
}

constexpr std::uint32_t raw(ctrl_op command) noexcept {
    return static_cast<std::uint32_t>(command);
}

constexpr std::uint32_t raw(io_op command) noexcept { return static_cast<std::uint32_t>(command); }

// DEL_DEV_ASYNC counts as a read although it deletes: the kernel declared it so, and the number
// must match because GET_FEATURES and every command of a BATCH_IO device are compared whole.
constexpr ioc_direction declared_direction(ctrl_op command) noexcept {
    switch (command) {
        case ctrl_op::get_queue_affinity:
        case ctrl_op::get_dev_info:
        case ctrl_op::get_params:
        case ctrl_op::get_dev_info2:
        case ctrl_op::get_features:
        case ctrl_op::del_dev_async: return ioc_direction::read;
        default: return ioc_direction::read_write;
    }
}

constexpr std::uint32_t encoded(ctrl_op command) noexcept {
    return encode({.direction = declared_direction(command),
                   .size = ctrl_cmd_bytes,
                   .type = command_type,
                   .nr = static_cast<std::uint8_t>(command)});
}

constexpr std::uint32_t encoded(io_op command) noexcept {
    return encode({.direction = ioc_direction::read_write,
                   .size = io_cmd_bytes,
                   .type = command_type,
                   .nr = static_cast<std::uint8_t>(command)});
}

}  // namespace ashlar::uapi
