// SPDX-License-Identifier: MIT
#include "device/status.hpp"

#include "device/record.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace ashlar::device_room {

namespace {

constexpr std::size_t question_max = 1024;
constexpr int status_limit_seconds = 5;

result<sockaddr_un> address_of(std::uint32_t id) {
    const std::string path = socket_path(id);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return failure({.operation = "ASHLAR_RUN_DIR",
                        .object = path,
                        .code = ENAMETOOLONG,
                        .why = "a socket's path has at most 107 bytes",
                        .remedy = "use a directory with a shorter name"});
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

void limit_waits(int fd, int seconds) {
    const timeval limit{.tv_sec = seconds, .tv_usec = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

bool send_all(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

error unanswered(error e, std::uint32_t id) {
    if (e.code == EAGAIN) e.code = ETIMEDOUT;  // the limit of a socket's wait
    if (e.code == ETIMEDOUT) {
        e.why = "it has not answered in time; it may be stopped, or stuck";
        e.remedy = fmt::format("see what it waits for: ashlar why {}", id);
    } else if (e.code == ECONNREFUSED || e.code == ENOENT) {
        e.why = "no server of ashlar's listens for this device";
        e.remedy = fmt::format("see who serves it: ashlar show {}", id);
    } else {
        e.remedy = fmt::format("see the device's log: {}", log_path(id));
    }
    return e;
}

}  // namespace

result<status_socket> status_socket::open(std::uint32_t id) {
    auto address = address_of(id);
    if (!address) return failure(std::move(address).error());
    status_socket opened(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::unlink(address->sun_path);
    const mode_t mask = ::umask(0177);
    const bool bound = opened.fd_ >= 0 && ::bind(opened.fd_, reinterpret_cast<sockaddr*>(&*address),
                                                 sizeof *address) == 0;
    const int code = errno;
    ::umask(mask);
    if (!bound || ::listen(opened.fd_, 16) != 0) {
        return failure({.operation = "make the status socket",
                        .object = address->sun_path,
                        .code = bound ? errno : code,
                        .why = "the server could not be asked about the device",
                        .remedy = "see that its directory can be written to and has room"});
    }
    return opened;
}

status_socket::status_socket(status_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

status_socket::~status_socket() {
    if (fd_ >= 0) ::close(fd_);
}

void status_socket::answer_one(const std::function<std::string(std::string_view)>& answer) const {
    int caller = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (caller < 0) return;
    limit_waits(caller, 1);
    std::string question;
    char part[256];
    ssize_t got = 0;
    while (!question.ends_with('\n') && question.size() < question_max &&
           (got = ::recv(caller, part, sizeof part, 0)) > 0) {
        question.append(part, static_cast<std::size_t>(got));
    }
    if (question.ends_with('\n')) send_all(caller, answer(question));
    ::close(caller);
}

result<std::string> ask_status(std::uint32_t id) {
    return ask_server(id, status_question, status_limit_seconds);
}

result<std::string> ask_server(std::uint32_t id, std::string_view question, int limit_seconds) {
    auto address = address_of(id);
    if (!address) return failure(std::move(address).error());
    error e{.operation = "ask the server", .object = fmt::format("device {}", id)};
    int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    limit_waits(fd, limit_seconds);
    std::string answer;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&*address), sizeof *address) != 0 ||
        !send_all(fd, question)) {
        e.code = errno;
    } else {
        char buffer[4096];
        ssize_t got = 0;
        while ((got = ::recv(fd, buffer, sizeof buffer, 0)) > 0) {
            answer.append(buffer, static_cast<std::size_t>(got));
        }
        if (got < 0) e.code = errno;
        if (got == 0 && answer.empty()) e.code = EPROTO;
    }
    ::close(fd);
    if (e.code != 0) return failure(unanswered(std::move(e), id));
    return answer;
}

}  // namespace ashlar::device_room
