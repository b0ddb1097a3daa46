// SPDX-License-Identifier: MIT
#include "control/channel.hpp"

#include "control/control.hpp"
#include "os/ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>
#include <vector>

namespace ashlar::control {

namespace {

constexpr const char* control_node = "/dev/ublk-control";
// How long a command that was taken back may still take to come back.
constexpr std::uint64_t cancel_limit_ns = 5 * second_ns;

// By a ring of this process.
class own_channel final : public channel {
public:
    own_channel(os::machine& m, int fd, std::unique_ptr<os::ring> r)
        : machine_(m), fd_(fd), ring_(std::move(r)) {}
    own_channel(const own_channel&) = delete;
    own_channel& operator=(const own_channel&) = delete;
    ~own_channel() override {
        ring_.reset();
        machine_.close(fd_);
    }

    int perform(std::uint32_t number, const uapi::ctrl_cmd& header, std::span<std::byte> payload,
                std::uint64_t limit_ns) override;

private:
    int await(std::uint32_t number, const uapi::ctrl_cmd& header, std::uint64_t limit_ns);
    int wait_for(std::uint64_t user_data, std::uint64_t limit_ns);

    os::machine& machine_;
    int fd_;
    std::unique_ptr<os::ring> ring_;
    std::vector<std::byte> buffer_;                  // what the command under way points to
    std::vector<std::vector<std::byte>> abandoned_;  // of commands that the kernel never gave back
    std::uint64_t next_command_ = 1;
};

// By the process that has what this one has given up.
class helped_channel final : public channel {
public:
    explicit helped_channel(os::broker& helper) : helper_(helper) {}
    int perform(std::uint32_t number, const uapi::ctrl_cmd& header, std::span<std::byte> payload,
                std::uint64_t limit_ns) override {
        return helper_.command(number, std::as_bytes(std::span(&header, 1)), payload, limit_ns);
    }

private:
    os::broker& helper_;
};

// Waits for one completion; others (late ones of commands that were given up) are dropped.
int own_channel::wait_for(std::uint64_t user_data, std::uint64_t limit_ns) {
    const std::uint64_t start = machine_.now_ns();
    for (;;) {
        bool found = false;
        int outcome = 0;
        ring_->take([&](std::uint64_t who, int res, unsigned) {
            if (who != user_data) return;
            found = true;
            outcome = res;
        });
        if (found) return outcome;
        const std::uint64_t spent = machine_.now_ns() - start;
        if (spent >= limit_ns) return -ETIME;
        const int entered = ring_->enter(1, limit_ns - spent);
        if (entered < 0 && entered != -EINTR && entered != -ETIME) return entered;
    }
}

int own_channel::await(std::uint32_t number, const uapi::ctrl_cmd& header, std::uint64_t limit_ns) {
    const std::uint64_t me = next_command_++;
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) return -EBUSY;
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = fd_;
    entry->cmd_op = number;
    entry->user_data = me;
    std::memcpy(entry->cmd, &header, sizeof header);
    int outcome = wait_for(me, limit_ns);
    if (outcome != -ETIME) return outcome;

    entry = ring_->prepare();
    if (entry != nullptr) {
        entry->opcode = IORING_OP_ASYNC_CANCEL;
        entry->fd = -1;
        entry->addr = me;
        entry->user_data = next_command_++;
        outcome = wait_for(me, cancel_limit_ns);
    }
    // It may have been answered in the meantime; -EINTR is the taking back itself.
    if (outcome == -ETIME) abandoned_.push_back(std::exchange(buffer_, {}));
    return outcome == -ETIME || outcome == -EINTR || outcome == -ECANCELED ? -ETIMEDOUT : outcome;
}

int own_channel::perform(std::uint32_t number, const uapi::ctrl_cmd& header,
                         std::span<std::byte> payload, std::uint64_t limit_ns) {
    buffer_.assign(payload.begin(), payload.end());
    uapi::ctrl_cmd sent = header;
    if (!buffer_.empty()) sent.addr = reinterpret_cast<std::uintptr_t>(buffer_.data());
    sent.len = static_cast<std::uint16_t>(buffer_.size());
    const int outcome = await(number, sent, limit_ns);
    if (buffer_.size() == payload.size()) std::ranges::copy(buffer_, payload.begin());
    return outcome;
}

}  // namespace

result<std::unique_ptr<channel>> channel::open(os::machine& m, bool load_driver) {
    if (os::broker* helper = m.helper(); helper != nullptr) {
        if (auto opened = helper->open_driver(load_driver); !opened) {
            return failure(std::move(opened).error());
        }
        return std::make_unique<helped_channel>(*helper);
    }
    auto fd = m.open(control_node, O_RDWR);
    if (!fd && fd.error().code == ENOENT && load_driver && m.load_module("ublk_drv")) {
        // devtmpfs makes the node at once, udev may take a moment.
        for (int tries = 0; !fd && tries < 200; ++tries) {
            fd = m.open(control_node, O_RDWR);
            if (!fd) m.sleep_ns(10'000'000);
        }
    }
    if (!fd) return failure(explain_open(std::move(fd).error(), m));
    auto r = os::ring::open(m, {.entries = 8, .wide_entries = true});
    if (!r) {
        m.close(*fd);
        return failure(std::move(r).error());
    }
    return std::make_unique<own_channel>(m, *fd, std::move(*r));
}

}  // namespace ashlar::control
