// SPDX-License-Identifier: MIT
// Why a control command failed, in a person's words, as far as the command and its errno tell.
#pragma once

#include "os/machine.hpp"
#include "uapi/ublk.hpp"

namespace ashlar::control {

// `failed` is of opening /dev/ublk-control.
error explain_open(error failed, os::machine& m);
error explain_command(uapi::ctrl_op op, std::uint32_t id, int code, os::machine& m);

}  // namespace ashlar::control
