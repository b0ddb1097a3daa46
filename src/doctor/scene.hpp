// SPDX-License-Identifier: MIT
// What the doctor looks at: this machine, or one that a test has made.
#pragma once

#include "doctor/files.hpp"
#include "rules/kernel.hpp"
#include "uapi/ublk.hpp"

#include <ashlar/error.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace ashlar::os {
class machine;
}  // namespace ashlar::os

namespace ashlar::doctor {

struct scene {
    files fs;
    std::string release;  // uname -r
    rules::kernel kernel;
    // Questions to the driver that never wait.
    std::function<result<uapi::ctrl_dev_info>(std::uint32_t)> info;
    std::function<result<std::uint64_t>()> features;
    std::function<result<>()> ring;  // whether a ring can be made
    std::function<void(std::uint64_t)> sleep_ns;
};

scene this_machine(os::machine& m);

}  // namespace ashlar::doctor
