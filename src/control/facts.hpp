// SPDX-License-Identifier: MIT
// What is known of a command that was sent, as the facts that the rules ask about.
#pragma once

#include "control/reasons.hpp"
#include "rules/call.hpp"

#include <optional>

namespace ashlar::control {

// What the facts point to.
struct payload_copy {
    uapi::ctrl_dev_info info;
    uapi::params params;
    uapi::shmem_buf_reg buffer;
};

// The process that sends the commands has CAP_SYS_ADMIN where that counts; empty if not known.
std::optional<bool> is_admin(os::machine& m);

rules::call facts_of(const sent_command& sent, const rules::kernel& k, payload_copy& copy,
                     os::machine& m);

}  // namespace ashlar::control
