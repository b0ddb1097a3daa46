// SPDX-License-Identifier: MIT
#include <ashlar/version.hpp>

namespace ashlar {

const char* version() { return ASHLAR_VERSION; }

}  // namespace ashlar
