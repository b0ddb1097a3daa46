// SPDX-License-Identifier: MIT
#include "cli/broker.hpp"

#include "base/error_line.hpp"
#include "cli/broker_files.hpp"
#include "cli/worker.hpp"
#include "control/channel.hpp"
#include "control/facts.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/share.hpp"
#include "os/linux_broker.hpp"
#include "os/linux_lock.hpp"
#include "os/linux_machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
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
    std::int64_t command(const os::broker_question& q, std::vector<std::byte>& payload);
    std::int64_t open_driver(bool load, std::vector<std::byte>& payload);
    std::int64_t open(const std::string& path, int flags);
    std::int64_t replace_file(std::string_view both, std::size_t path_bytes) const;
    std::int64_t lock_owner(const std::string& path) const;
    bool name_memory(std::span<std::byte> payload) const;
    // To the server, with the answer.
    std::int64_t give(int fd);

    int socket_;
    brokered_rights rights_;
    std::unique_ptr<control::channel> channel_;
    std::vector<std::byte> message_;
    int given_ = -1;        // goes with the next answer
    mapped_memory memory_;  // of a client, until the driver has it
};

void broker_process::answer(std::uint64_t sequence, std::int64_t outcome,
                            std::span<const std::byte> payload) {
    const os::broker_answer head{.sequence = sequence, .outcome = outcome};
    payload = payload.first(std::min(payload.size(), message_.size() - sizeof head));
    std::memcpy(message_.data(), &head, sizeof head);
    std::ranges::copy(payload, message_.begin() + sizeof head);
    const auto message = std::span(message_).first(sizeof head + payload.size());
    os::send_with_descriptor(socket_, message, given_);
    if (given_ >= 0) ::close(std::exchange(given_, -1));
}

std::int64_t broker_process::give(int fd) {
    given_ = fd;
    return std::min(fd, 0);
}

std::int64_t broker_process::execute(const os::broker_question& q,
                                     std::vector<std::byte>& payload) {
    using kind = os::broker_question::kind;
    if (q.what == kind::command) return command(q, payload);
    const std::string text(reinterpret_cast<const char*>(payload.data()), payload.size());
    payload.clear();
    switch (q.what) {
        case kind::holders:
            if (!rights_.allow_disk(text)) return -EPERM;
            payload = bytes_of(os::text_of(os::linux_machine().holders_of(text)));
            return 0;
        case kind::open_driver: return open_driver(q.number != 0, payload);
        case kind::open: return open(text, static_cast<int>(q.number));
        case kind::replace_file: return replace_file(text, q.number);
        case kind::remove_file:
            if (!rights_.allow_removal(text)) return -EPERM;
            os::linux_machine().remove_file(text);
            return 0;
        case kind::lock_owner: return lock_owner(text);
        default: return -EINVAL;
    }
}

std::int64_t broker_process::command(const os::broker_question& q,
                                     std::vector<std::byte>& payload) {
    if (!channel_ || !rights_.allow(q.number, q.header)) return -EPERM;
    const bool shares = command_of(q.number) == uapi::ctrl_op::reg_buf;
    if (shares && !name_memory(payload)) return -EINVAL;
    const int outcome = channel_->perform(q.number, header_in(q.header), payload, q.limit_ns);
    if (outcome >= 0) rights_.note(q.number, q.header, payload);
    if (shares) memory_.drop();
    return outcome;
}

// The driver takes the pages by the addresses of whoever names them, which is this process, and
// keeps them.
bool broker_process::name_memory(std::span<std::byte> payload) const {
    uapi::shmem_buf_reg asked;
    if (payload.size() != sizeof asked) return false;
    std::memcpy(&asked, payload.data(), sizeof asked);
    if (asked.len == 0 || asked.len > memory_.bytes().size()) return false;
    asked.addr = reinterpret_cast<std::uintptr_t>(memory_.bytes().data());
    std::memcpy(payload.data(), &asked, sizeof asked);
    return true;
}

std::int64_t broker_process::open(const std::string& path, int flags) {
    if (names_descriptor(path)) {
        const int fd =
            open_memory(path, [this](std::string_view file) { return rights_.allow_memory(file); });
        if (fd >= 0) memory_.map(fd);
        return give(fd);
    }
    if (!rights_.allow_open(path, flags)) return -EPERM;
    auto opened = os::linux_machine().open(path, flags);
    return give(opened ? *opened : -opened.error().code);
}

std::int64_t broker_process::replace_file(std::string_view both, std::size_t path_bytes) const {
    const std::string path(both.substr(0, path_bytes));
    if (!rights_.allow_write(path)) return -EPERM;
    auto replaced = os::linux_machine().replace_file(path, both.substr(path.size()));
    return replaced ? 0 : -replaced.error().code;
}

std::int64_t broker_process::lock_owner(const std::string& path) const {
    if (!rights_.allow_open(path, os::lock_file_flags)) return -EPERM;
    auto file = os::linux_machine().open(path, O_RDONLY | O_NOFOLLOW);
    if (!file) return -file.error().code;
    const int owner = os::owner_of_lock(*file);
    ::close(*file);
    return owner;
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
        case reg_buf:
        case unreg_buf:
        case quiesce_dev: return devices_.contains(h.dev_id);
        default: return false;
    }
}

bool brokered_rights::allow_disk(std::string_view name) const {
    return std::ranges::any_of(
        devices_, [=](std::uint32_t id) { return name == device_room::disk_name(id); });
}

bool brokered_rights::allow_open(std::string_view path, int flags) const {
    if (path == device_room::lock_path()) return flags == os::lock_file_flags;
    if (flags != (O_RDONLY | O_EXCL)) return false;
    return std::ranges::any_of(
        devices_, [=](std::uint32_t id) { return path == device_room::block_path(id); });
}

bool brokered_rights::allow_write(std::string_view path) const {
    return std::ranges::any_of(
        devices_, [=](std::uint32_t id) { return path == device_room::record_path(id); });
}

bool brokered_rights::allow_removal(std::string_view path) const {
    return allow_write(path) || std::ranges::any_of(devices_, [=](std::uint32_t id) {
               return path == device_room::socket_path(id) || path == device_room::log_path(id);
           });
}

bool brokered_rights::allow_memory(std::string_view file) const {
    return std::ranges::any_of(devices_, [=](std::uint32_t id) {
        return file == fmt::format("/memfd:{} (deleted)", device_room::shared_memory_name(id));
    });
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
