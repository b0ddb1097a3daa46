// SPDX-License-Identifier: MIT
// What the conductor itself asks the kernel: how the devices are, and that they go.
#include "linux_stage.hpp"
#include "observe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace agree {

int linux_stage::command(uapi::ctrl_op what, std::uint32_t id, std::byte* payload,
                         std::uint16_t bytes, std::uint16_t path_bytes, unsigned limit_ms) {
    static std::uint64_t last = 0;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return -EBUSY;
    std::memset(static_cast<void*>(entry), 0, 128);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = control_;
    entry->off = uapi::encoded(what);
    entry->user_data = ++last;
    const uapi::ctrl_cmd header{.dev_id = id,
                                .len = bytes,
                                .addr = reinterpret_cast<std::uintptr_t>(payload),
                                .dev_path_len = path_bytes};
    std::memcpy(reinterpret_cast<std::byte*>(entry) + 48, &header, sizeof header);
    __kernel_timespec limit{.tv_sec = limit_ms / 1000,
                            .tv_nsec = static_cast<long long>(limit_ms % 1000) * 1'000'000};
    io_uring_cqe* c = nullptr;
    io_uring_submit(&ring_);
    // A late answer of an earlier command may come first.
    for (;;) {
        if (io_uring_wait_cqe_timeout(&ring_, &c, &limit) < 0) return -ETIME;
        const bool ours = c->user_data == last;
        const int outcome = c->res;
        io_uring_cqe_seen(&ring_, c);
        if (ours) return outcome;
    }
}

std::string linux_stage::observe() {
    return observe_devices(
        board_,
        [this](uapi::ctrl_op op, std::uint32_t id, std::byte* payload, std::uint16_t bytes,
               std::uint16_t path_bytes) {
            return command(op, id, payload, bytes, path_bytes, 5000);
        },
        [](char kind, std::uint32_t id) {
            struct stat found{};
            return ::stat(fmt::format("/dev/ublk{}{}", kind, id).c_str(), &found) == 0;
        });
}

namespace {

constexpr std::uint32_t ids_watched = 8;  // more than a sequence makes

std::vector<std::uint32_t> device_ids() {
    std::vector<std::uint32_t> ids;
    std::error_code failed;
    for (const auto& e : std::filesystem::directory_iterator("/sys/class/ublk-char", failed)) {
        unsigned id = 0;
        if (std::sscanf(e.path().filename().c_str(), "ublkc%u", &id) == 1) ids.push_back(id);
    }
    return ids;
}

}  // namespace

// A server that dies with everything in hand is noticed on 6.12 after 30 s only, and one that dies
// while it waits for its own STOP never.
void linux_stage::answer_all() {
    const bool asked = std::ranges::any_of(waiting_, [&](unsigned n) {
        const step& s = sequence_.steps[n];
        return s.what >= op::disk_open && s.what <= op::disk_zero;
    });
    if (!asked) return;
    board_.serving = true;
    for (const auto& process : processes_) {
        for (unsigned t = 0; process != nullptr && process->running() && t < threads_max; ++t) {
            process->send(t, answer_everything);
        }
    }
    settling s{.number = *waiting_.begin()};
    std::vector<event> late;
    for (unsigned quiet = 0; quiet < 20; ++quiet) {
        if (take_messages(s, late, 2)) quiet = 0;
    }
}

// A device that is gone to all eyes keeps its id until the last ring of its server has ended.
bool linux_stage::goes(std::uint32_t id) {
    uapi::ctrl_dev_info info{};
    for (unsigned tries = 0; tries < 5000; ++tries) {
        if (command(uapi::ctrl_op::get_dev_info, id, reinterpret_cast<std::byte*>(&info),
                    sizeof info, 0, 5000) == -ENODEV) {
            return true;
        }
        ::usleep(2000);
    }
    return false;
}

std::string linux_stage::finish() {
    answer_all();
    for (const auto& process : processes_) {
        if (process != nullptr) process->kill();
    }
    std::string left;
    for (std::uint32_t id : device_ids()) {
        const int outcome = command(uapi::ctrl_op::del_dev, id, nullptr, 0, 0, 45'000);
        if (outcome == -EINVAL) {
            std::string path = fmt::format("/dev/ublkc{}", id);
            const auto bytes = static_cast<std::uint16_t>(path.size());
            command(uapi::ctrl_op::del_dev, id, reinterpret_cast<std::byte*>(path.data()), bytes,
                    bytes, 45'000);
        }
    }
    for (unsigned i = 0; i < processes_max; ++i) {
        const auto& process = processes_[i];
        for (unsigned tries = 0; process != nullptr && process->running(); ++tries) {
            if (process->ended()) break;
            if (tries == 10'000) {
                left += fmt::format(" process p{}", i);
                break;
            }
            ::usleep(tries < 100 ? 200 : 2000);
        }
    }
    for (std::uint32_t id : device_ids()) left += fmt::format(" device {}", id);
    for (std::uint32_t id = 0; left.empty() && id < ids_watched; ++id) {
        if (!goes(id)) left += fmt::format(" id {}", id);
    }
    // Its last user gone, a device has its number until its queues are freed; none can see that.
    if (pace_.calm) ::usleep(500'000);
    if (control_ >= 0) {
        [[maybe_unused]] const int mode = ::chmod("/dev/ublk-control", 0600);
        [[maybe_unused]] const int owner = ::chown("/dev/ublk-control", 0, 0);
    }
    return left.empty() ? "clean" : "left:" + left;
}

std::string linux_name() {
    utsname name{};
    ::uname(&name);
    return name.release;
}

unsigned linux_version() {
    unsigned major = 0, minor = 0;
    std::sscanf(linux_name().c_str(), "%u.%u", &major, &minor);
    return major * 100 + minor;
}

}  // namespace agree
