// SPDX-License-Identifier: MIT
// Why a control command failed, by the rows of the driver's contract, as far as is known what was
// sent, by whom, and to which device.
#pragma once

#include "os/machine.hpp"
#include "rules/kernel.hpp"
#include "uapi/ublk.hpp"

#include <optional>

namespace ashlar::control {

// A command as it went out, and what else is known of its device.
struct sent_command {
    uapi::ctrl_op op;
    std::uint32_t number = 0;
    uapi::ctrl_cmd header;
    std::span<const std::byte> payload = {};
    std::optional<uapi::ctrl_dev_info> device = {};
    std::optional<uapi::params> stored = {};  // by an earlier SET_PARAMS
};

// `failed` is of opening /dev/ublk-control.
error explain_open(error failed, os::machine& m);
error explain_command(const sent_command& sent, int code, os::machine& m);

// The machine's kernel as the contract knows kernels; its configuration as usual.
rules::kernel kernel_of(os::machine& m);

}  // namespace ashlar::control
