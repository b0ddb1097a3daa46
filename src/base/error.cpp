// SPDX-License-Identifier: MIT
#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <cstring>

namespace ashlar {

std::string errno_text(int code) {
    char buffer[128];
    return strerror_r(code, buffer, sizeof buffer);
}

std::string errno_name(int code) {
    const char* known = strerrorname_np(code);
    return known != nullptr ? known : fmt::format("errno {}", code);
}

std::string error::text() const {
    std::string text = operation;
    if (!object.empty()) text += (text.empty() ? "" : ": ") + object;
    if (code != 0) {
        text +=
            fmt::format("{}{} ({})", text.empty() ? "" : ": ", errno_text(code), errno_name(code));
    }
    if (!why.empty()) text += fmt::format("\n  why: {}", why);
    if (!remedy.empty()) text += fmt::format("\n  do:  {}", remedy);
    return text;
}

}  // namespace ashlar
