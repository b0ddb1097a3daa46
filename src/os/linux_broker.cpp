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
#include <sys/uio.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

constexpr std::uint64_t holders_limit_ns = 30'000'000'000;
constexpr std::uint64_t files_limit_ns = 30'000'000'000;
// It may have to load the driver.
constexpr std::uint64_t open_limit_ns = 60'000'000'000;

std::uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// An answer's errno, or that there is none.
error unheard(std::string operation, const std::string& object, std::int64_t outcome) {
    error e{
        .operation = std::move(operation), .object = object, .code = static_cast<int>(-outcome)};
    if (outcome != -EPIPE) return e;
    e.why = "the process that sends commands for this server has ended";
    e.remedy = "start a new server in its place: ashlar upgrade";
    return e;
}

class socket_broker final : public file_broker {
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
    result<int> open(const std::string& path, int flags) override;
    result<> replace_file(const std::string& path, std::string_view text) override;
    void remove_file(const std::string& path) override {
        broker_question q{.what = broker_question::kind::remove_file};
        const std::lock_guard lock(one_at_a_time_);
        ask(q, std::as_bytes(std::span(path)), files_limit_ns);
    }
    int lock_owner(const std::string& path) override {
        broker_question q{.what = broker_question::kind::lock_owner};
        const std::lock_guard lock(one_at_a_time_);
        const std::int64_t outcome = ask(q, std::as_bytes(std::span(path)), files_limit_ns);
        return static_cast<int>(std::max<std::int64_t>(outcome, 0));
    }

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
    int descriptor_ = -1;       // that came with it, whose asker takes it
    std::uint64_t next_ = 1;
};

std::int64_t socket_broker::ask(broker_question& q, std::span<const std::byte> payload,
                                std::uint64_t limit_ns) {
    answered_ = 0;
    descriptor_ = -1;
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
        int fd = -1;
        const ssize_t got = receive_with_descriptor(socket_, message_, fd);
        if (got < 0 && errno == EINTR) continue;
        broker_answer answer;
        const bool whole = got >= static_cast<ssize_t>(sizeof answer);
        if (whole) std::memcpy(&answer, message_.data(), sizeof answer);
        if ((!whole || answer.sequence != sequence) && fd >= 0) ::close(fd);
        if (!whole) return -EPIPE;
        if (answer.sequence != sequence) continue;
        descriptor_ = fd;
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
    return failure(unheard("ask the broker for the ublk driver", {}, outcome));
}

result<int> socket_broker::open(const std::string& path, int flags) {
    broker_question q{.what = broker_question::kind::open,
                      .number = static_cast<std::uint32_t>(flags)};
    const std::lock_guard lock(one_at_a_time_);
    std::int64_t outcome = ask(q, std::as_bytes(std::span(path)), files_limit_ns);
    if (outcome >= 0 && descriptor_ >= 0) return descriptor_;
    // There was no room for it here.
    if (outcome >= 0) outcome = -EMFILE;
    return failure(unheard("open", path, outcome));
}

result<> socket_broker::replace_file(const std::string& path, std::string_view text) {
    broker_question q{.what = broker_question::kind::replace_file,
                      .number = static_cast<std::uint32_t>(path.size())};
    const std::string both = path + std::string(text);
    const std::lock_guard lock(one_at_a_time_);
    const std::int64_t outcome = ask(q, std::as_bytes(std::span(both)), files_limit_ns);
    if (outcome == 0) return {};
    return failure(unheard("write", path, outcome));
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

ssize_t receive_with_descriptor(int socket, std::span<std::byte> message, int& fd) {
    fd = -1;
    iovec data{.iov_base = message.data(), .iov_len = message.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr head{};
    head.msg_iov = &data;
    head.msg_iovlen = 1;
    head.msg_control = control;
    head.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
    const cmsghdr* extra = got < 0 ? nullptr : CMSG_FIRSTHDR(&head);
    const bool brings = extra != nullptr && extra->cmsg_level == SOL_SOCKET &&
                        extra->cmsg_type == SCM_RIGHTS && extra->cmsg_len == CMSG_LEN(sizeof fd);
    if (brings) std::memcpy(&fd, CMSG_DATA(extra), sizeof fd);
    return got;
}

ssize_t send_with_descriptor(int socket, std::span<const std::byte> message, int fd) {
    iovec data{.iov_base = const_cast<std::byte*>(message.data()), .iov_len = message.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr head{};
    head.msg_iov = &data;
    head.msg_iovlen = 1;
    if (fd >= 0) {
        head.msg_control = control;
        head.msg_controllen = sizeof control;
        cmsghdr* extra = CMSG_FIRSTHDR(&head);
        extra->cmsg_level = SOL_SOCKET;
        extra->cmsg_type = SCM_RIGHTS;
        extra->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(extra), &fd, sizeof fd);
    }
    return ::sendmsg(socket, &head, MSG_NOSIGNAL);
}

std::string text_of(const std::vector<holder>& holders) {
    std::string text;
    for (const holder& h : holders) {
        text += fmt::format("{}\t{}\t{}\n", h.pid, plain(h.how), plain(h.program));
    }
    return text;
}

std::unique_ptr<file_broker> broker_at(int socket, std::optional<bool> admin,
                                       std::uint64_t slack_ns) {
    return std::make_unique<socket_broker>(socket, admin, slack_ns);
}

}  // namespace ashlar::os
