// SPDX-License-Identifier: MIT
// Passing failures on. Declarations, not expressions: g++ 12 can't compile the expression form in
// coroutines.
//
//     ASHLAR_TRY(auto fd, machine.open(path));   // declares fd, or returns the error
//     ASHLAR_CHECK(ring.register_file(fd));      // returns the error, if any
#pragma once

#include <ashlar/error.hpp>

#define ASHLAR_JOIN2(a, b) a##b
#define ASHLAR_JOIN(a, b) ASHLAR_JOIN2(a, b)

#define ASHLAR_TRY(declaration, ...) \
    ASHLAR_TRY_AS(ASHLAR_JOIN(tried_, __LINE__), declaration, __VA_ARGS__)
#define ASHLAR_TRY_AS(name, declaration, ...)                     \
    auto name = (__VA_ARGS__);                                    \
    if (!name) return ::ashlar::failure(std::move(name).error()); \
    declaration = *std::move(name)

#define ASHLAR_CHECK(...)                                         \
    do {                                                          \
        if (auto checked = (__VA_ARGS__); !checked)               \
            return ::ashlar::failure(std::move(checked).error()); \
    } while (false)
