// SPDX-License-Identifier: MIT
#include "cli/verbs.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <new>

int main(int count, char** words) {
    using namespace ashlar::cli;
    try {
        auto asked = parse({words + 1, words + count});
        if (!asked) return report(asked.error());
        int code = 0;
        if (asked->values.has("help")) {
            fmt::print("{}", help(*asked->what));
        } else {
            code = asked->what->run(*asked);
        }
        // What could not be printed was not told: a full disk behind standard output is a failure.
        if (std::fflush(stdout) != 0 && code == 0) {
            return report({.operation = "write to standard output", .code = errno});
        }
        return code;
    } catch (const std::bad_alloc&) {
        return report({.operation = "ashlar", .code = ENOMEM});
    } catch (const std::exception& unexpected) {
        return report({.operation = "ashlar", .why = unexpected.what()});
    }
}
