// SPDX-License-Identifier: MIT
// What a process and its broker say to each other, over a pair of SOCK_SEQPACKET sockets: a
// question, and one answer to it. An answer that comes too late is known by its number.
#pragma once

#include "os/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ashlar::os {

struct broker_question {
    enum class kind : std::uint32_t { command = 1, holders = 2, open_driver = 3 };
    std::uint64_t sequence = 0;
    kind what = kind::command;
    std::uint32_t number = 0;    // of a command; of open_driver, 1 if it may be loaded
    std::uint64_t limit_ns = 0;  // … and its deadline
    std::byte header[32] = {};   // … and its header; the payload, or a disk's name, follows
};

struct broker_answer {
    std::uint64_t sequence = 0;
    std::int64_t outcome = 0;  // the payload, or text, follows
};

// A command's payload has at most 64 KiB, by its field's width; holders are cut to it.
inline constexpr std::size_t broker_message_max = (1 << 16) + 256;

// One holder a line.
std::string text_of(const std::vector<holder>& holders);

// The end of a process that delegates its rights; owns the socket. Of all threads one asks at a
// time, and the others wait.
// `admin`: as broker::is_admin.
// `slack_ns`: what an answer may take beside the deadline of a command, which is taken back first.
inline constexpr std::uint64_t broker_slack_ns = 15'000'000'000;
std::unique_ptr<broker> broker_at(int socket, std::optional<bool> admin,
                                  std::uint64_t slack_ns = broker_slack_ns);

}  // namespace ashlar::os
