// SPDX-License-Identifier: MIT
// What a failure is in ashlar: which operation failed, on what, with which errno, why, and what to
// do about it. Functions that can fail return ashlar::result<T>. An error is a value: it is copied
// and moved freely and owns its text. Threads: like any value.
#pragma once

#include <expected>
#include <string>
#include <system_error>

namespace ashlar {

struct error {
    std::string operation = {};  // what was tried: "ADD_DEV", "open", "--depth"
    std::string object = {};     // on what: "/dev/ublk-control", "device 3"
    int code = 0;                // the errno, 0 where no call failed
    std::string why = {};        // the reason, as far as it is known
    std::string remedy = {};     // what a person can do
    std::string rule = {};       // the id of the broken rule of the kernel's contract, where known
    bool usage = false;          // the caller asked for something that can't be (exit code 2)

    // At most three lines for a person: what failed, why, what to do. No line break at the end.
    [[nodiscard]] std::string text() const;
};

// The errno's usual sentence, and its name ("EBUSY").
std::string errno_text(int code);
std::string errno_name(int code);

template <class T = void>
using result = std::expected<T, error>;

inline std::unexpected<error> failure(error e) { return std::unexpected<error>(std::move(e)); }

// For handlers of targets: the error code of an errno.
inline std::error_code io_error(int code) { return {code, std::generic_category()}; }

}  // namespace ashlar
