// SPDX-License-Identifier: MIT
// What a process in the background tells the one that started it: lines of JSON through a pipe.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/log.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ashlar::cli {

struct ready_server {
    std::uint32_t id;
    int pid;
    std::uint64_t pause_ns = 0;  // of a device that was handed over: how long it was not served
};

// A reader that is gone misses them.
void send_log(int fd, level severity, std::string_view message);
void send_ready(int fd, const ready_server& server);
void send_error(int fd, const error& e);
// Reads until the server is ready or has failed; its log goes to ours. The limit is in
// milliseconds, -1: none. An error without an operation: it ended without a word. Closes the pipe.
result<ready_server> await_ready(int from, int limit_ms);

// The error of a child that ended without a word, by its wait status.
error died(int status);
// Waits for the end of a child; gives its wait status.
int status_of(pid_t child);

}  // namespace ashlar::cli
