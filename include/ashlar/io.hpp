// SPDX-License-Identifier: MIT
// Input and output of an asynchronous handler, on the ring of its own queue. Each call gives
// something to await; its value is an error code, empty when all went well:
//
//     std::error_code failed = co_await r.ring().read(fd, r.data(), at);
//
// Transfers are whole or failed: a short one is continued until it is complete, and one that can't
// be completed (the end of a file) is EIO (a read) or ENOSPC (a write). Interrupted calls are
// repeated. Only the thread of the queue may call these.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

namespace ashlar {

class request;
class ring_io;

// One operation under way. Lives in the frame of the coroutine that awaits it and never moves; only
// a ring_io makes one.
class ring_operation {
public:
    enum class kind : std::uint8_t { read, write, sync, data_sync, allocate, discard, poll, wait };

    ring_operation(const ring_operation&) = delete;
    ring_operation& operator=(const ring_operation&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> who);
    [[nodiscard]] std::error_code await_resume() const noexcept { return failed_; }

private:
    friend class ring_io;
    ring_operation(ring_io& ring, kind what, int fd, std::byte* data, std::uint64_t length,
                   std::uint64_t at, int mode = 0, std::uint64_t skip = 0,
                   std::int32_t registered = -1) noexcept
        : ring_(&ring),
          address_(reinterpret_cast<std::uintptr_t>(data) + skip),
          length_(length),
          at_(at),
          fd_(fd),
          mode_(mode),
          registered_(registered),
          kind_(what) {}

    ring_io* ring_;
    std::uintptr_t address_;  // of the memory; in a registered buffer: from its beginning
    std::uint64_t length_;    // what is left, in bytes; of a wait: nanoseconds
    std::uint64_t at_;
    std::coroutine_handle<> waiter_;
    std::error_code failed_;
    long long time_[2] = {0, 0};  // a wait's kernel time, which must live as long as the operation
    void* memory_ = nullptr;      // where the frames of its request's coroutines come from
    int fd_;
    int mode_;
    std::int32_t registered_;  // index of the buffer, else -1
    kind kind_;
};

class ring_io {
public:
    ring_io(const ring_io&) = delete;
    ring_io& operator=(const ring_io&) = delete;

    // Positions and lengths are in bytes. The memory must live until the operation has ended.
    ring_operation read(int fd, std::span<std::byte> into, std::uint64_t at) noexcept {
        return {*this, ring_operation::kind::read, fd, into.data(), into.size(), at};
    }
    ring_operation write(int fd, std::span<const std::byte> from, std::uint64_t at) noexcept {
        // The ring's entry has one address field for both directions; a write never writes to it.
        auto* data = const_cast<std::byte*>(from.data());
        return {*this, ring_operation::kind::write, fd, data, from.size(), at};
    }
    ring_operation sync(int fd) noexcept {
        return {*this, ring_operation::kind::sync, fd, nullptr, 0, 0};
    }
    ring_operation data_sync(int fd) noexcept {
        return {*this, ring_operation::kind::data_sync, fd, nullptr, 0, 0};
    }
    // fallocate(2) with its mode.
    ring_operation allocate(int fd, int mode, std::uint64_t at, std::uint64_t length) noexcept {
        return {*this, ring_operation::kind::allocate, fd, nullptr, length, at, mode};
    }
    // Of a block device (files take `allocate` with holes): the BLKDISCARD of ioctl(2). EOPNOTSUPP
    // before Linux 6.12.
    ring_operation discard(int fd, std::uint64_t at, std::uint64_t length) noexcept {
        return {*this, ring_operation::kind::discard, fd, nullptr, length, at};
    }
    // Until one of the poll(2) events has come.
    ring_operation poll(int fd, int events) noexcept {
        return {*this, ring_operation::kind::poll, fd, nullptr, 0, 0, events};
    }
    ring_operation wait(std::chrono::nanoseconds time) noexcept {
        auto count = time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
        return {*this, ring_operation::kind::wait, -1, nullptr, count, 0};
    }

protected:
    ring_io() = default;
    virtual ~ring_io() = default;

    friend class ring_operation;
    friend class request;
    // Part of a request's data, which is at `data` or in a registered buffer.
    ring_operation transfer(ring_operation::kind what, int fd, std::byte* data,
                            std::int32_t registered, std::uint64_t skip, std::uint64_t length,
                            std::uint64_t at) noexcept {
        return {*this, what, fd, data, length, at, 0, skip, registered};
    }
    virtual void submit(ring_operation& operation) = 0;

    // For the queue, which is the ring behind this face: fills an entry for what is left of an
    // operation, and takes its completion. `completed` gives whom to resume, or nothing when the
    // operation goes on and wants to be submitted again.
    static void fill(ring_operation& operation, void* submission_entry) noexcept;
    static std::coroutine_handle<> completed(ring_operation& operation, int result) noexcept;
    static ring_io& ring_of(ring_operation& operation) noexcept { return *operation.ring_; }
    static void*& memory_of(ring_operation& operation) noexcept { return operation.memory_; }
};

inline void ring_operation::await_suspend(std::coroutine_handle<> who) {
    waiter_ = who;
    ring_->submit(*this);
}

}  // namespace ashlar
