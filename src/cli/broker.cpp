// SPDX-License-Identifier: MIT
#include "cli/broker.hpp"

#include "base/error_line.hpp"
#include "cli/worker.hpp"
#include "control/channel.hpp"
#include "control/facts.hpp"
#include "device/nodes.hpp"
#include "os/linux_broker.hpp"
#include "os/linux_machine.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace ashlar::cli {

namespace {

uapi::ctrl_cmd header_in(std::span<const std::byte> bytes) {
    uapi::ctrl_cmd header;
    std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof header));
    return header;
}

// The command that a number stands for, in both of its forms.
std::optional<uapi::ctrl_op> command_of(std::uint32_t number) {
    const auto op = static_cast<uapi::ctrl_op>(number & 0xff);
    if (number != uapi::raw(op) && number != uapi::encoded(op)) return std::nullopt;
    return op;
}

std::vector<std::byte> bytes_of(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

class broker_process {
public:
    broker_process(int socket, brokered_rights rights)
        : socket_(socket), rights_(std::move(rights)), message_(os::broker_message_max) {}
    // Until the server has gone.
    [[noreturn]] void run();

private:
    void answer(std::uint64_t sequence, std::int64_t outcome, std::span<const std::byte> payload);
    std::int64_t execute(const os::broker_question& q, std::vector<std::byte>& payload);
    std::int64_t open_driver(bool load, std::vector<std::byte>& payload);

    int socket_;
    brokered_rights rights_;
    std::unique_ptr<control::channel> channel_;
    std::vector<std::byte> message_;
};

void broker_process::answer(std::uint64_t sequence, std::int64_t outcome,
                            std::span<const std::byte> payload) {
    const os::broker_answer head{.sequence = sequence, .outcome = outcome};
    payload = payload.first(std::min(payload.size(), message_.size() - sizeof head));
    std::memcpy(message_.data(), &head, sizeof head);
    std::ranges::copy(payload, message_.begin() + sizeof head);
    ::send(socket_, message_.data(), sizeof head + payload.size(), MSG_NOSIGNAL);
}

std::int64_t broker_process::execute(const os::broker_question& q,
                                     std::vector<std::byte>& payload) {
    if (q.what == os::broker_question::kind::holders) {
        const std::string disk(reinterpret_cast<const char*>(payload.data()), payload.size());
        payload.clear();
        if (!rights_.allow_disk(disk)) return -EPERM;
        payload = bytes_of(os::text_of(os::linux_machine().holders_of(disk)));
        return 0;
    }
    if (q.what == os::broker_question::kind::open_driver) {
        return open_driver(q.number != 0, payload);
    }
    if (!channel_ || !rights_.allow(q.number, q.header)) return -EPERM;
    const int outcome = channel_->perform(q.number, header_in(q.header), payload, q.limit_ns);
    if (outcome >= 0) rights_.note(q.number, q.header, payload);
    return outcome;
}

// What keeps it from being opened may pass: it is tried whenever it is asked for.
std::int64_t broker_process::open_driver(bool load, std::vector<std::byte>& payload) {
    if (channel_) return 0;
    auto opened = control::channel::open(os::linux_machine(), load);
    if (opened) {
        channel_ = std::move(*opened);
        return 0;
    }
    payload = bytes_of(line_of(opened.error()));
    return -EIO;
}

void broker_process::run() {
    for (;;) {
        const ssize_t got = ::recv(socket_, message_.data(), message_.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        os::broker_question q;
        if (got < static_cast<ssize_t>(sizeof q)) ::_exit(0);
        std::memcpy(&q, message_.data(), sizeof q);
        std::vector<std::byte> payload(message_.begin() + sizeof q, message_.begin() + got);
        const std::int64_t outcome = execute(q, payload);
        answer(q.sequence, outcome, payload);
    }
}

// What would end a server is for the server to decide.
[[noreturn]] void be_broker(int socket, brokered_rights rights) {
    leave_the_terminal(descriptors_but({socket}));
    ::prctl(PR_SET_NAME, broker_name);
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE}) std::signal(number, SIG_IGN);
    broker_process(socket, std::move(rights)).run();
}

}  // namespace

bool brokered_rights::allow(std::uint32_t number, std::span<const std::byte> header) const {
    using enum uapi::ctrl_op;
    const uapi::ctrl_cmd h = header_in(header);
    const auto op = command_of(number);
    if (!op) return false;
    switch (*op) {
        case get_features:
        case get_dev_info:
        case get_dev_info2:
        case get_params:
        case get_queue_affinity: return true;
        case add_dev: return may_add_;
        case start_dev:
        case end_user_recovery:
            return devices_.contains(h.dev_id) && h.data[0] == static_cast<std::uint64_t>(server_);
        case set_params:
        case stop_dev:
        case try_stop_dev:
        case del_dev:
        case del_dev_async:
        case start_user_recovery:
        case update_size:
        case quiesce_dev: return devices_.contains(h.dev_id);
        default: return false;
    }
}

bool brokered_rights::allow_disk(std::string_view name) const {
    return std::ranges::any_of(
        devices_, [=](std::uint32_t id) { return name == device_room::disk_name(id); });
}

void brokered_rights::note(std::uint32_t number, std::span<const std::byte> header,
                           std::span<const std::byte> payload) {
    const auto op = command_of(number);
    if (op == uapi::ctrl_op::add_dev && payload.size() >= sizeof(uapi::ctrl_dev_info)) {
        uapi::ctrl_dev_info made;
        std::memcpy(&made, payload.data(), sizeof made);
        devices_.insert(made.dev_id);
        may_add_ = false;
    }
    if (op == uapi::ctrl_op::del_dev || op == uapi::ctrl_op::del_dev_async) {
        devices_.erase(header_in(header).dev_id);
    }
}

result<> use_broker(std::optional<std::uint32_t> device, std::function<void()> give_up) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return failure({.operation = "socketpair", .code = errno});
    }
    const brokered_rights rights(::getpid(), device);
    // A child's child: nobody has to wait for it.
    const pid_t child = ::fork();
    if (child == 0) {
        const pid_t second = ::fork();
        if (second != 0) ::_exit(second < 0 ? errno : 0);
        ::close(ends[0]);
        be_broker(ends[1], rights);
    }
    int status = errno << 8;
    if (child > 0) ::waitpid(child, &status, 0);
    ::close(ends[1]);
    if (child < 0 || status != 0) {
        ::close(ends[0]);
        return failure({.operation = "start a process",
                        .code = WEXITSTATUS(status),
                        .why = "no process could be made that sends the server's commands",
                        .remedy = "raise ulimit -u, or free some memory"});
    }
    os::this_linux().delegate(os::broker_at(ends[0], control::is_admin(os::this_linux())),
                              std::move(give_up));
    return {};
}

}  // namespace ashlar::cli
