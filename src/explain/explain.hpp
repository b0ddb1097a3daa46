// SPDX-License-Identifier: MIT
// What somebody shows us, explained: bytes, numbers, a report, a log, a trace.
//
//     auto told = explain::text(report, {.kernel = *rules::kernel_named("6.12")});
//     fmt::print("{}", explain::to_text(told, {}));
#pragma once

#include "explain/fields.hpp"
#include "explain/judge.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::explain {

struct finding {
    enum class kind : std::uint8_t { failure, symptom, bytes, number };
    kind what = kind::failure;
    std::string title;               // "ADD_DEV failed with EINVAL"
    std::vector<std::size_t> lines;  // where it stands in the text, from 1
    std::vector<field> fields;       // of bytes
    std::vector<verdict> verdicts;
    std::vector<std::string> notes;
    bool judged = true;  // false for bytes that another finding judges, with their result
};

struct unread {
    std::size_t line;
    std::string text;
};

struct explanation {
    std::string kernel;       // for which it was judged
    std::string kernel_from;  // who said so
    std::vector<finding> findings;
    std::vector<unread> not_understood;
    std::size_t lines = 0;  // of the input

    [[nodiscard]] bool explained() const { return !findings.empty(); }
};

struct options {
    std::optional<rules::kernel> kernel = {};  // given by the user: stands above all else
    std::string running = {};  // the release of this machine's kernel, if it may count
    std::optional<shape> as = {};
    enum when when = when::unknown;
};

// Anything: bytes in hex, a trace of strace, a report or a log in words.
explanation text(std::string_view input, const options& how);
// Bytes as they are.
explanation bytes(std::span<const std::uint8_t> raw, const options& how);
// One number: a command's, or what `kind` says: "flags", "state", "features", "opcode", "errno".
explanation number(std::string_view kind, std::uint64_t value, const options& how);
// A command and its errno ("START_DEV", EINVAL), or 0 for none.
explanation failure_of(rules::subject about, int error, const options& how);

}  // namespace ashlar::explain
