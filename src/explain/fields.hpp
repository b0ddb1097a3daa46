// SPDX-License-Identifier: MIT
// Bytes taken apart, field by field.
#pragma once

#include "explain/shape.hpp"
#include "rules/kernel.hpp"

#include <string>
#include <vector>

namespace ashlar::explain {

struct field {
    std::string name;  // as the kernel's header calls it: "dev_id"
    std::size_t offset = 0, bytes = 0;
    std::string value;
    bool plain = false;  // zero, or of no interest: only shown on demand
};

// What a control command's header or an I/O command is about changes what some fields mean.
std::vector<field> fields_of(shape s, std::span<const std::uint8_t> bytes, const rules::kernel& k,
                             std::uint32_t command = 0);

}  // namespace ashlar::explain
