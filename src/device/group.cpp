// SPDX-License-Identifier: MIT
#include "device/group.hpp"

#include "base/try.hpp"
#include "device/nodes.hpp"
#include "device/server.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace ashlar::device_room {

// While `helper` runs the disk is its own.
struct group::member {
    std::unique_ptr<device::implementation> disk;
    status_socket socket;
    std::uint32_t id;
    std::unique_ptr<os::thread> helper = {};
    std::atomic<bool> helper_is_done = false;
    bool gone = false;  // the helper's, until it is done
};

result<std::unique_ptr<group>> group::make(os::machine& m) {
    std::unique_ptr<group> made(new group(m));
    ASHLAR_TRY(made->wakeup_fd_, m.wakeup_open());
    return made;
}

group::group(os::machine& m) : machine_(m) {}

group::~group() {
    members_.clear();
    if (wakeup_fd_ >= 0) machine_.close(wakeup_fd_);
}

result<> group::add(std::unique_ptr<device::implementation> disk) {
    auto socket = status_socket::open(disk->id());
    if (!socket) {
        ASHLAR_CHECK(disk->stop(stop_when::now));
        return failure(std::move(socket).error());
    }
    const std::uint32_t id = disk->id();
    members_.push_back(std::unique_ptr<member>(
        new member{.disk = std::move(disk), .socket = std::move(*socket), .id = id}));
    return {};
}

// It has ended though nobody here has stopped it: taking it back, or leaving it, may take seconds.
void group::serve_again(member& one) {
    const auto work = [this, &one] {
        const std::string node = block_path(one.id);
        log(level::info, fmt::format("{} was removed or quiesced by somebody else", node));
        const auto again = one.disk->resume();
        if (!again) log(level::error, again.error().text());
        one.gone = !again || !*again;
        log(level::info, one.gone ? fmt::format("{} is gone, or another server has it", node)
                                  : fmt::format("{} is served again", node));
        if (one.gone) {
            if (auto left = one.disk->stop(stop_when::now); !left) {
                log(level::error, left.error().text());
            }
        }
        one.helper_is_done.store(true, std::memory_order_release);
        machine_.wakeup_signal(wakeup_fd_, 1);
    };
    auto started = machine_.start_thread(fmt::format("ashlar {}r", one.id), {}, work);
    if (started) one.helper = std::move(*started);
    else log(level::error, started.error().text());
}

result<> group::look_after(int fd, int ms) {
    std::vector<pollfd> watched = {{.fd = fd, .events = POLLIN, .revents = 0},
                                   {.fd = wakeup_fd_, .events = POLLIN, .revents = 0}};
    for (const auto& one : members_) {
        const bool here = !one->helper;
        watched.push_back(
            {.fd = here ? one->disk->ended_fd() : -1, .events = POLLIN, .revents = 0});
        watched.push_back({.fd = here ? one->socket.fd() : -1, .events = POLLIN, .revents = 0});
    }
    if (::poll(watched.data(), watched.size(), ms) < 0) {
        if (errno == EINTR) return {};
        return failure({.operation = "poll", .object = {}, .code = errno});
    }
    std::uint64_t count = 0;
    if (watched[1].revents != 0 && ::read(wakeup_fd_, &count, sizeof count) < 0) count = 0;
    for (std::size_t n = 0; n < members_.size(); ++n) {
        member& one = *members_[n];
        if (one.helper && one.helper_is_done.exchange(false, std::memory_order_acquire)) {
            one.helper.reset();
        } else if (watched[2 + 2 * n].revents != 0 && one.disk->ended()) {
            serve_again(one);
        } else if (watched[3 + 2 * n].revents != 0) {
            one.socket.answer_one([this, &one](std::string_view question) {
                return answer_question(*one.disk, question, confined_);
            });
        }
    }
    std::erase_if(members_, [](const auto& one) { return !one->helper && one->gone; });
    return {};
}

result<> group::remove(std::uint32_t id, bool anyway) {
    const auto found = std::ranges::find(members_, id, [](const auto& one) { return one->id; });
    if (found == members_.end()) return {};
    member& one = **found;
    one.helper.reset();
    if (!one.gone) {
        auto stopped = one.disk->stop(anyway ? stop_when::now : stop_when::idle);
        if (!stopped && stopped.error().code == EBUSY && !anyway) return stopped;
        members_.erase(found);
        return stopped;
    }
    members_.erase(found);
    return {};
}

bool group::has(std::uint32_t id) const {
    return std::ranges::any_of(members_, [&](const auto& one) { return one->id == id; });
}

std::vector<std::uint32_t> group::ids() const {
    std::vector<std::uint32_t> all;
    for (const auto& one : members_) all.push_back(one->id);
    return all;
}

}  // namespace ashlar::device_room
