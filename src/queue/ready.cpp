// SPDX-License-Identifier: MIT
#include "queue/ready.hpp"

#include "base/try.hpp"
#include "os/ring.hpp"
#include "queue/ring_uses.hpp"
#include "uapi/ublk.hpp"

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace ashlar::queue {

namespace {

// Linux before 6.7 looks every 5 seconds for servers that have gone; newer ones hear of it at once.
constexpr std::uint64_t old_monitor_ns = 5'500'000'000;
// Where nothing tells that the work has been done.
constexpr std::uint64_t work_ns = 200'000'000;

// The tags of a queue that one ring fetches.
class fetched_tags {
public:
    fetched_tags(std::unique_ptr<os::ring> r, int char_fd, std::uint16_t queue, bool copies,
                 bool raw)
        : ring_(std::move(r)), char_fd_(char_fd), queue_(queue), copies_(copies), raw_(raw) {}

    // Those that the dead server had fetched are refused, which is as it should be.
    result<> fetch(std::uint16_t first, std::uint16_t last) {
        constexpr auto fetch = uapi::io_op::fetch_req;
        for (std::uint16_t tag = first; tag < last; ++tag) {
            io_uring_sqe* entry = ring_->prepare();
            if (entry == nullptr) break;
            entry->opcode = IORING_OP_URING_CMD;
            entry->fd = char_fd_;
            entry->cmd_op = raw_ ? uapi::raw(fetch) : uapi::encoded(fetch);
            // In copy mode it needs an address, though no data will come; else there must be none.
            const auto address = copies_ ? reinterpret_cast<std::uintptr_t>(&nowhere_) : 0;
            const uapi::io_cmd payload{.q_id = queue_, .tag = tag, .addr = address};
            std::memcpy(entry->cmd, &payload, sizeof payload);
            held_ += 1;
        }
        const int entered = ring_->enter(0, os::no_timeout);
        if (entered < 0 && entered != -EAGAIN) {
            return failure({.operation = "io_uring_enter",
                            .object = fmt::format("queue {}", queue_),
                            .code = -entered});
        }
        take();
        return {};
    }
    [[nodiscard]] bool holds_any() const { return held_ != 0; }
    // False if some are still held when the time is over.
    bool come_back_within(os::machine& m, std::uint64_t limit_ns) {
        const std::uint64_t start = m.now_ns();
        while (holds_any()) {
            const std::uint64_t spent = m.now_ns() - start;
            if (spent >= limit_ns) return false;
            const int entered = ring_->enter(1, limit_ns - spent);
            if (entered < 0 && entered != -EINTR && entered != -ETIME) return false;
            take();
        }
        return true;
    }

private:
    void take() {
        held_ -= ring_->take([](std::uint64_t, int, unsigned) {});
    }

    std::unique_ptr<os::ring> ring_;
    int char_fd_;
    std::uint16_t queue_;
    bool copies_;
    bool raw_;
    unsigned held_ = 0;
    std::byte nowhere_{};
};

}  // namespace

result<> make_ready_once(os::machine& m, int char_fd, std::uint16_t queue, std::uint16_t depth,
                         bool copies, bool raw_commands) {
    const os::ring_spec spec{
        .entries = std::bit_ceil(unsigned{depth}), .single_issuer = true, .uses = &ring_uses};
    ASHLAR_TRY(auto most_ring, os::ring::open(m, spec));
    ASHLAR_TRY(auto last_ring,
               os::ring::open(m, {.entries = 1, .single_issuer = true, .uses = &ring_uses}));
    const auto last_tag = static_cast<std::uint16_t>(depth - 1);
    const std::uint64_t limit = m.version().older_than(6, 7) ? old_monitor_ns : work_ns;
    bool seen = false;
    {
        fetched_tags last(std::move(last_ring), char_fd, queue, copies, raw_commands);
        bool others = false;
        {
            fetched_tags most(std::move(most_ring), char_fd, queue, copies, raw_commands);
            ASHLAR_CHECK(most.fetch(0, last_tag));
            ASHLAR_CHECK(last.fetch(last_tag, depth));
            others = most.holds_any();
        }
        // Without others nothing has ended yet, and the work comes when the last one is let go.
        seen = others && last.holds_any() && last.come_back_within(m, limit);
    }
    if (!seen) m.sleep_ns(limit);
    return {};
}

}  // namespace ashlar::queue
