// SPDX-License-Identifier: MIT
// The version of ashlar: of the headers here, of the library by version().
#pragma once

#define ASHLAR_VERSION "0.1.0"

namespace ashlar {

const char* version();

}  // namespace ashlar
