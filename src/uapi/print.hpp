// SPDX-License-Identifier: MIT
// The words of the driver as text for a person.
//
// Nothing is left out because it is unknown: an unknown bit appears as "bit 40", an unknown number
// as itself, and a reserved field appears as soon as it is not zero. Texts of several lines indent
// all but the first and have no line break at the end. `name` gives "" for a number it does not
// know; `to_string` of the same number gives "command 0x2a" or the like.
#pragma once

#include "uapi/ublk.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar::uapi {

std::string_view name(ctrl_op command) noexcept;          // "ADD_DEV"
std::string_view name(io_op command) noexcept;            // "FETCH_REQ"
std::string_view name(op operation) noexcept;             // "READ"
std::string_view name(device_state state) noexcept;       // "LIVE"
std::string_view name(checksum kind) noexcept;            // "CRC64_NVME"
std::string_view name(ioc_direction direction) noexcept;  // "read/write"

std::string to_string(ctrl_op command);
std::string to_string(io_op command);
std::string to_string(op operation);
std::string to_string(device_state state);
std::string to_string(checksum kind);

// Sets of bits: "USER_COPY|BATCH_IO|bit 40", and "none" for 0.
std::string flags_text(std::uint64_t flags);
std::string io_flags_text(std::uint32_t op_flags);  // without the operation in bits 0 to 7
std::string attrs_text(std::uint32_t attrs);
std::string param_types_text(std::uint32_t types);
std::string integrity_flags_text(std::uint32_t flags);
std::string batch_flags_text(std::uint16_t flags);

// Exact, with the unit that keeps it so: "512 KiB", "4095 bytes", "1048577 MiB (about 1.0 TiB)".
std::string bytes_text(std::uint64_t bytes);
std::string sectors_text(std::uint64_t sectors);  // "2048 sectors (1 MiB)"

// What a command number says, "ADD_DEV (0xc0207504)", also where it is raw or nonsense.
std::string command_text(std::uint32_t number);

std::string to_string(const command_number& number);
std::string to_string(const ctrl_cmd& command);
std::string to_string(const ctrl_cmd& command, ctrl_op meaning);
std::string to_string(const ctrl_dev_info& info);
std::string to_string(const params& all);
std::string to_string(const io_desc& request);
std::string to_string(const io_cmd& command);
std::string to_string(const io_cmd& command, io_op meaning);
std::string to_string(const batch_io& batch);
std::string to_string(const elem_header& element);
std::string to_string(const auto_buf_reg& reg);
std::string to_string(const shmem_buf_reg& reg);

}  // namespace ashlar::uapi
