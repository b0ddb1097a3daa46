// SPDX-License-Identifier: MIT
// Counts what the program takes from the heap with operator new, on any thread.
#pragma once

#include <cstdint>

namespace ashlar::test {

// False where a sanitizer has its own operator new and nothing is counted.
bool counts_allocations();
std::uint64_t allocations();

}  // namespace ashlar::test
