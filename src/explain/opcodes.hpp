// SPDX-License-Identifier: MIT
// The operations of io_uring by their numbers: what an entry asks for that is no command at all.
#pragma once

#include "rules/kernel.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ashlar::explain {

inline constexpr std::uint8_t opcode_uring_cmd = 46, opcode_uring_cmd128 = 64;

constexpr bool is_uring_cmd(std::uint8_t opcode) {
    return opcode == opcode_uring_cmd || opcode == opcode_uring_cmd128;
}

// "WAITID"; empty for a number that no kernel knows.
std::string_view opcode_name(std::uint8_t opcode);
// -1 for a name that is none.
int opcode_named(std::string_view name);
// "WAITID (since 6.7)", "nothing on this kernel (WAITID since 6.7)", "nothing".
std::string opcode_text(std::uint8_t opcode, const rules::kernel& k);

}  // namespace ashlar::explain
