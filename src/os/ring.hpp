// SPDX-License-Identifier: MIT
// A ring with an owner: entries are prepared one by one and go down together in one enter.
#pragma once

#include "os/machine.hpp"

#include <atomic>
#include <cstring>

namespace ashlar::os {

class ring {
public:
    static result<std::unique_ptr<ring>> open(machine& m, const ring_spec& spec) {
        std::unique_ptr<ring> r(new ring(m));
        if (auto opened = m.ring_open(r->raw_, spec); !opened) {
            return failure(std::move(opened).error());
        }
        r->open_ = true;
        r->entry_bytes_ = spec.wide_entries ? 128 : 64;
        return r;
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() {
        if (open_) machine_.ring_close(raw_);
    }

    // A cleared entry. If the ring is full, what is prepared goes down first; null only if even
    // that gives no room.
    io_uring_sqe* prepare() {
        io_uring_sqe* entry = io_uring_get_sqe(&raw_);
        if (entry == nullptr) [[unlikely]] {
            enter(0, no_timeout);
            entry = io_uring_get_sqe(&raw_);
            if (entry == nullptr) return nullptr;
        }
        std::memset(static_cast<void*>(entry), 0, entry_bytes_);
        return entry;
    }

    // 0, or -errno. -EINTR is repeated unless there is a limit of time.
    int enter(unsigned wait, std::uint64_t timeout_ns) {
        int outcome = 0;
        do {
            enters_ += 1;
            outcome = machine_.ring_enter(raw_, wait, timeout_ns);
        } while (outcome == -EINTR && timeout_ns == no_timeout && !has_completions());
        return outcome;
    }

    // Calls `handle(user_data, result, flags)` for each completion that is there and takes them off
    // the ring together; new ones that arrive meanwhile wait for the next call.
    template <class F>
    unsigned take(F&& handle) {
        unsigned head = *raw_.cq.khead;
        const unsigned tail = std::atomic_ref(*raw_.cq.ktail).load(std::memory_order_acquire);
        const unsigned count = tail - head;
        for (; head != tail; ++head) {
            const io_uring_cqe& completion = raw_.cq.cqes[head & raw_.cq.ring_mask];
            handle(completion.user_data, completion.res, completion.flags);
        }
        if (count != 0) std::atomic_ref(*raw_.cq.khead).store(head, std::memory_order_release);
        return count;
    }

    [[nodiscard]] bool has_completions() const { return io_uring_cq_ready(&raw_) != 0; }
    [[nodiscard]] std::uint64_t enters() const { return enters_; }
    io_uring& raw() { return raw_; }

private:
    explicit ring(machine& m) : machine_(m) {}

    machine& machine_;
    io_uring raw_{};
    std::uint64_t enters_ = 0;
    std::size_t entry_bytes_ = 64;
    bool open_ = false;
};

}  // namespace ashlar::os
