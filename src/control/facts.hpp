// SPDX-License-Identifier: MIT
// What is known of a command that was sent, as the facts that the rules ask about.
#pragma once

#include "control/reasons.hpp"
#include "rules/call.hpp"

namespace ashlar::control {

// What the facts point to.
struct payload_copy {
    uapi::ctrl_dev_info info;
    uapi::params params;
    uapi::shmem_buf_reg buffer;
};

rules::call facts_of(const sent_command& sent, const rules::kernel& k, payload_copy& copy,
                     os::machine& m);

}  // namespace ashlar::control
