// SPDX-License-Identifier: MIT
#include <ashlar/log.hpp>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>

namespace ashlar {

namespace {

std::mutex sink_mutex;
log_sink current_sink;  // guarded by sink_mutex
std::atomic<level> lowest_level = level::info;

void to_standard_error(level severity, std::string_view message) {
    std::string line = "ashlar: ";
    if (severity != level::info) line.append(name(severity)).append(": ");
    line.append(message).append("\n");
    // One write, so that lines of several processes don't mix.
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

std::string_view name(level severity) {
    constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
    return names[static_cast<unsigned>(severity)];
}

void set_log_sink(log_sink sink) {
    std::lock_guard lock(sink_mutex);
    current_sink = std::move(sink);
}

void set_log_level(level lowest) { lowest_level = lowest; }

void log(level severity, std::string_view message) {
    if (severity < lowest_level.load(std::memory_order_relaxed)) return;
    std::lock_guard lock(sink_mutex);
    if (current_sink) {
        current_sink(severity, message);
    } else {
        to_standard_error(severity, message);
    }
}

}  // namespace ashlar
