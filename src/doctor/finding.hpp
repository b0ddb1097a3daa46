// SPDX-License-Identifier: MIT
// One thing that was looked at, and what is to be said of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ashlar::doctor {

enum class verdict : std::uint8_t {
    ok,
    unknown,  // it could not be looked at
    warning,  // devices can be served, but something will go wrong one day
    problem,  // no device can be served, or one is broken now
};

struct finding {
    std::string id;  // "io-uring", "device 3"
    verdict how = verdict::ok;
    std::string what;         // a line
    std::string why = {};     // of what is not in order
    std::string remedy = {};  // … and what to do
};

}  // namespace ashlar::doctor
