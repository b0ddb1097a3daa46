// SPDX-License-Identifier: MIT
#include "os/linux_broker.hpp"

#include "base/error_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <mutex>
#include <poll.h>
#include <sstream>
#include <sys/socket.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

constexpr std::uint64_t holders_limit_ns = 30'000'000'000;
// It may have to load the driver.
constexpr std::uint64_t open_limit_ns = 60'000'000'000;

std::uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

class socket_broker final : public broker {
public:
    socket_broker(int socket, std::optional<bool> admin, std::uint64_t slack_ns)
        : socket_(socket), admin_(admin), slack_ns_(slack_ns), message_(broker_message_max) {}
    socket_broker(const socket_broker&) = delete;
    socket_broker& operator=(const socket_broker&) = delete;
    ~socket_broker() override { ::close(socket_); }

    int command(std::uint32_t number, std::span<const std::byte> header,
                std::span<std::byte> payload, std::uint64_t limit_ns) override {
        broker_question q{.number = number, .limit_ns = limit_ns};
        std::copy_n(header.begin(), std::min(header.size(), sizeof q.header), q.header);
        const std::lock_guard lock(one_at_a_time_);
        const std::int64_t outcome = ask(q, payload, limit_ns + slack_ns_);
        const std::size_t answered = std::min(answered_, payload.size());
        std::copy_n(message_.begin() + sizeof(broker_answer), answered, payload.begin());
        return static_cast<int>(outcome);
    }

    [[nodiscard]] std::optional<bool> is_admin() const override { return admin_; }

    std::vector<holder> holders_of(const std::string& disk) override {
        broker_question q{.what = broker_question::kind::holders};
        const std::lock_guard lock(one_at_a_time_);
        ask(q, std::as_bytes(std::span(disk)), holders_limit_ns);
        return holders_in(answered());
    }

    result<> open_driver(bool load) override;

private:
    std::int64_t await(std::uint64_t sequence, std::uint64_t limit_ns);
    [[nodiscard]] std::string_view answered() const {
        const auto* text = reinterpret_cast<const char*>(message_.data() + sizeof(broker_answer));
        return {text, answered_};
    }
    std::int64_t ask(broker_question& q, std::span<const std::byte> payload,
                     std::uint64_t limit_ns);
    static std::vector<holder> holders_in(std::string_view text);

    int socket_;
    std::optional<bool> admin_;
    std::uint64_t slack_ns_;
    std::mutex one_at_a_time_;
    std::vector<std::byte> message_;
    std::size_t answered_ = 0;  // bytes behind the answer's head
    std::uint64_t next_ = 1;
};

std::int64_t socket_broker::ask(broker_question& q, std::span<const std::byte> payload,
                                std::uint64_t limit_ns) {
    answered_ = 0;
    if (payload.size() > broker_message_max - sizeof q) return -E2BIG;
    q.sequence = next_++;
    std::memcpy(message_.data(), &q, sizeof q);
    std::ranges::copy(payload, message_.begin() + sizeof q);
    if (::send(socket_, message_.data(), sizeof q + payload.size(), MSG_NOSIGNAL) < 0) {
        return -EPIPE;
    }
    return await(q.sequence, limit_ns);
}

std::int64_t socket_broker::await(std::uint64_t sequence, std::uint64_t limit_ns) {
    const std::uint64_t until = now_ns() + limit_ns;
    for (;;) {
        const std::uint64_t now = now_ns();
        if (now >= until) return -ETIMEDOUT;
        pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
        const int left = static_cast<int>((until - now) / 1'000'000 + 1);
        if (::poll(&watched, 1, left) <= 0) continue;
        const ssize_t got = ::recv(socket_, message_.data(), message_.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < static_cast<ssize_t>(sizeof(broker_answer))) return -EPIPE;
        broker_answer answer;
        std::memcpy(&answer, message_.data(), sizeof answer);
        if (answer.sequence != sequence) continue;
        answered_ = static_cast<std::size_t>(got) - sizeof answer;
        return answer.outcome;
    }
}

result<> socket_broker::open_driver(bool load) {
    broker_question q{.what = broker_question::kind::open_driver, .number = load ? 1U : 0U};
    const std::lock_guard lock(one_at_a_time_);
    const std::int64_t outcome = ask(q, {}, open_limit_ns);
    if (auto failed = error_in(answered())) return failure(std::move(*failed));
    if (outcome == 0) return {};
    return failure({.operation = "ask the broker for the ublk driver",
                    .code = static_cast<int>(-outcome),
                    .why = "the process that sends commands for this server has ended",
                    .remedy = "start a new server in its place: ashlar upgrade"});
}

std::vector<holder> socket_broker::holders_in(std::string_view text) {
    std::vector<holder> holders;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        holder h;
        std::string pid;
        std::getline(fields, pid, '\t');
        std::getline(fields, h.how, '\t');
        std::getline(fields, h.program);
        std::from_chars(pid.data(), pid.data() + pid.size(), h.pid);
        holders.push_back(std::move(h));
    }
    return holders;
}

// Names of programs and places may have anything in them.
std::string plain(std::string text) {
    std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\t'; }, ' ');
    return text;
}

}  // namespace

std::string text_of(const std::vector<holder>& holders) {
    std::string text;
    for (const holder& h : holders) {
        text += fmt::format("{}\t{}\t{}\n", h.pid, plain(h.how), plain(h.program));
    }
    return text;
}

std::unique_ptr<broker> broker_at(int socket, std::optional<bool> admin, std::uint64_t slack_ns) {
    return std::make_unique<socket_broker>(socket, admin, slack_ns);
}

}  // namespace ashlar::os
