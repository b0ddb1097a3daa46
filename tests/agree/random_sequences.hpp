// SPDX-License-Identifier: MIT
// Sequences by dice: an ordinary life of a device with things done to it that should not be.
#pragma once

#include "make.hpp"

namespace agree {

// The same for every system of this version (612). What would wedge a real kernel of it is left
// out: see the reasons in the code.
sequence random_sequence(std::uint64_t seed, std::uint64_t number, unsigned version);

}  // namespace agree
