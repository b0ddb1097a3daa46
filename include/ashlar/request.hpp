// SPDX-License-Identifier: MIT
// ashlar::request: one read, write, flush, discard or write-zeroes that the kernel hands to a
// device. Asynchronous handlers take it by reference and answer it by returning: there is no way to
// forget the answer, to give it twice, or to answer with part of a transfer.
//
// A request belongs to its queue's thread and is valid until its handler has returned.
#pragma once

#include <ashlar/io.hpp>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace ashlar {

enum class operation : std::uint8_t { read, write, flush, discard, write_zeroes };

constexpr std::string_view name(operation op) {
    constexpr std::string_view names[] = {"read", "write", "flush", "discard", "write-zeroes"};
    return names[static_cast<unsigned>(op)];
}

namespace detail {
struct request_answer;
}  // namespace detail

class request {
public:
    request(const request&) = delete;
    request& operator=(const request&) = delete;

    [[nodiscard]] operation op() const noexcept { return op_; }
    // Where, and how much, in bytes. In range: checked before a handler sees it. 0 for a flush.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }
    // Of a read: what has to be filled, all of it. Of a write: what is written; a handler may also
    // use it as scratch memory. Else empty, and empty for a target that passes its data on
    // (target.hpp) while the data is not in this process's memory.
    [[nodiscard]] std::span<std::byte> data() const noexcept { return {data_, data_bytes_}; }
    // To await, whatever way the data takes: all of a read's data comes from a descriptor, at this
    // place of it, or all of a write's data goes there. Whole or failed, as those of ring_io.
    [[nodiscard]] ring_operation read_from(int fd, std::uint64_t at) const noexcept {
        return read_from(fd, at, 0, length_);
    }
    [[nodiscard]] ring_operation write_to(int fd, std::uint64_t at) const noexcept {
        return write_to(fd, at, 0, length_);
    }
    // Only the part of the request's data from `skip` on, which is within it.
    [[nodiscard]] ring_operation read_from(int fd, std::uint64_t at, std::uint64_t skip,
                                           std::uint64_t length) const noexcept {
        return ring_->transfer(ring_operation::kind::read, fd, data_, registered_, skip, length,
                               at);
    }
    [[nodiscard]] ring_operation write_to(int fd, std::uint64_t at, std::uint64_t skip,
                                          std::uint64_t length) const noexcept {
        return ring_->transfer(ring_operation::kind::write, fd, data_, registered_, skip, length,
                               at);
    }
    // A write-zeroes that must keep its blocks allocated.
    [[nodiscard]] bool keep_allocated() const noexcept { return keep_allocated_; }
    // The ring of this request's queue, to await I/O on.
    [[nodiscard]] ring_io& ring() const noexcept { return *ring_; }

protected:
    request() = default;
    ~request() = default;

    friend struct detail::request_answer;

    std::uint64_t offset_ = 0;
    std::uint64_t length_ = 0;
    std::byte* data_ = nullptr;
    std::size_t data_bytes_ = 0;
    ring_io* ring_ = nullptr;
    std::size_t copied_ = 0;           // bytes that this process or the kernel has copied for it
    const std::byte* lent_ = nullptr;  // where a read's data lies, if not in data_
    std::int32_t registered_ = -1;     // the data's index among the ring's buffers
    std::coroutine_handle<> frame_;    // of its asynchronous handler, while that runs
    operation op_ = operation::flush;
    bool keep_allocated_ = false;
    bool takes_lent_ = false;  // a read that may be answered from the target's memory
};

namespace detail {

// How a handler's outcome reaches the queue (src/queue/queue.cpp). The frame of an asynchronous
// handler is kept with its request, so that it can be destroyed if the queue ends before it does.
struct request_answer {
    static void give(request& r, std::error_code failed) noexcept;
    static void give_exception(request& r, std::exception_ptr what) noexcept;

    // Copies between a request whose data the kernel holds and this process's memory: whole, or
    // what stopped it.
    static std::error_code copy_out(request& r, std::size_t skip,
                                    std::span<const std::byte> from) noexcept;
    static std::error_code zero_out(request& r, std::size_t skip, std::size_t bytes) noexcept;
    static std::error_code copy_in(request& r, std::size_t skip,
                                   std::span<std::byte> into) noexcept;
    static void copied(request& r, std::size_t bytes) noexcept { r.copied_ += bytes; }
    // False if the data has to be copied now.
    static bool lend(request& r, const std::byte* from) noexcept {
        if (r.takes_lent_) r.lent_ = from;
        return r.takes_lent_;
    }
    static bool lend_zeros(request& r, std::size_t bytes) noexcept;

    static void keep_frame(request& r, std::coroutine_handle<> frame) noexcept { r.frame_ = frame; }
    static std::coroutine_handle<> take_frame(request& r) noexcept {
        return std::exchange(r.frame_, {});
    }
};

}  // namespace detail

}  // namespace ashlar
