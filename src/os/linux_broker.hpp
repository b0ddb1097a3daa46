// SPDX-License-Identifier: MIT
// What a process and its broker say to each other, over a pair of SOCK_SEQPACKET sockets: a
// question, and one answer to it. An answer that comes too late is known by its number.
#pragma once

#include "os/machine.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace ashlar::os {

struct broker_question {
    enum class kind : std::uint32_t {
        command = 1,
        holders = 2,
        open_driver = 3,
        open = 4,
        replace_file = 5,
        remove_file = 6,
        lock_owner = 7
    };
    std::uint64_t sequence = 0;
    kind what = kind::command;
    // Of a command; of open_driver, 1 if it may be loaded; of open, its flags; of replace_file, how
    // many bytes the path has.
    std::uint32_t number = 0;
    std::uint64_t limit_ns = 0;  // of a command: its deadline
    // … and its header. What follows is its payload, a disk's name, or a path and a file's text.
    std::byte header[32] = {};
};

struct broker_answer {
    std::uint64_t sequence = 0;
    std::int64_t outcome = 0;  // the payload, or text, follows; with it may come a descriptor
};

// A command's payload has at most 64 KiB, by its field's width; holders are cut to it.
inline constexpr std::size_t broker_message_max = (1 << 16) + 256;

// recv(2) and send(2), of a message that may bring a descriptor, or -1. One that comes is the
// caller's; one that goes stays its owner's.
ssize_t receive_with_descriptor(int socket, std::span<std::byte> message, int& fd);
ssize_t send_with_descriptor(int socket, std::span<const std::byte> message, int fd);

// One holder a line.
std::string text_of(const std::vector<holder>& holders);

// What a broker does on Linux beside what the seam has of it: it opens and writes for a process
// that may not do so itself any more. All block, for half a minute at most. What is not this
// process's device's is refused with EPERM; EPIPE: the broker is gone.
class file_broker : public broker {
public:
    // The descriptor is the caller's.
    virtual result<int> open(const std::string& path, int flags) = 0;
    virtual result<> replace_file(const std::string& path, std::string_view text) = 0;
    virtual void remove_file(const std::string& path) = 0;
    // The process that has a lock of this file; 0 if that can't be seen.
    virtual int lock_owner(const std::string& path) = 0;
};

// The end of a process that delegates its rights; owns the socket. Of all threads one asks at a
// time, and the others wait.
// `admin`: as broker::is_admin.
// `slack_ns`: what an answer may take beside the deadline of a command, which is taken back first.
inline constexpr std::uint64_t broker_slack_ns = 15'000'000'000;
std::unique_ptr<file_broker> broker_at(int socket, std::optional<bool> admin,
                                       std::uint64_t slack_ns = broker_slack_ns);

}  // namespace ashlar::os
