// SPDX-License-Identifier: MIT
#include "cli/messages.hpp"

#include "base/error_line.hpp"
#include "base/write_all.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ashlar::cli {

namespace {

std::string text_of(const nlohmann::json& message) {
    return message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void send(int fd, const nlohmann::json& message) { write_all(fd, text_of(message) + "\n"); }

// What one message says about the end of the wait.
std::optional<result<ready_server>> heard(const std::string& line) {
    const auto message = nlohmann::json::parse(line, nullptr, false);
    if (message.is_discarded()) return std::nullopt;
    if (message.contains("log")) {
        log(static_cast<level>(message["level"].get<int>()), message["log"].get<std::string>());
        return std::nullopt;
    }
    if (auto failed = error_in(line)) return failure(std::move(*failed));
    return ready_server{.id = message["ready"].get<std::uint32_t>(),
                        .pid = message["pid"].get<int>(),
                        .pause_ns = message["pause_ns"].get<std::uint64_t>()};
}

}  // namespace

void send_log(int fd, level severity, std::string_view message) {
    send(fd, {{"log", std::string(message)}, {"level", static_cast<int>(severity)}});
}

void send_ready(int fd, const ready_server& server) {
    send(fd, {{"ready", server.id}, {"pid", server.pid}, {"pause_ns", server.pause_ns}});
}

void send_error(int fd, const error& e) { write_all(fd, line_of(e) + "\n"); }

result<ready_server> await_ready(int from, int limit_ms) {
    using clock = std::chrono::steady_clock;
    const auto until = clock::now() + std::chrono::milliseconds(limit_ms);
    std::string pending;
    std::optional<result<ready_server>> told;
    bool in_time = true;
    while (!told) {
        if (const auto end = pending.find('\n'); end != std::string::npos) {
            told = heard(pending.substr(0, end));
            pending.erase(0, end + 1);
            continue;
        }
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
        if (limit_ms >= 0 && left <= 0) in_time = false;
        if (!in_time) break;
        pollfd watched{.fd = from, .events = POLLIN, .revents = 0};
        const int ready = ::poll(&watched, 1, limit_ms < 0 ? -1 : static_cast<int>(left));
        if (ready < 0 && errno != EINTR) break;
        if (ready <= 0) continue;
        char buffer[4096];
        const ssize_t got = ::read(from, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        pending.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(from);
    if (told) return *told;
    if (in_time) return failure({});
    return failure({.operation = "start a server",
                    .code = ETIMEDOUT,
                    .why = "it has not become ready in time",
                    .remedy = "see what it waits for: ashlar why DEVICE"});
}

error died(int status) {
    error e{.operation = "start a server", .why = "it ended without a word"};
    if (WIFSIGNALED(status)) {
        e.why = fmt::format("it was killed by signal {} ({})", WTERMSIG(status),
                            ::strsignal(WTERMSIG(status)));
        if (WTERMSIG(status) == SIGKILL)
            e.remedy = "see the kernel's log for an out-of-memory kill";
    }
    return e;
}

int status_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

}  // namespace ashlar::cli
