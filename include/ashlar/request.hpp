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
    // use it as scratch memory. Else empty.
    [[nodiscard]] std::span<std::byte> data() const noexcept { return {data_, data_bytes_}; }
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
    std::coroutine_handle<> frame_;  // of its asynchronous handler, while that runs
    operation op_ = operation::flush;
    bool keep_allocated_ = false;
};

namespace detail {

// How a handler's outcome reaches the queue (src/queue/queue.cpp). The frame of an asynchronous
// handler is kept with its request, so that it can be destroyed if the queue ends before it does.
struct request_answer {
    static void give(request& r, std::error_code failed) noexcept;
    static void give_exception(request& r, std::exception_ptr what) noexcept;

    static void keep_frame(request& r, std::coroutine_handle<> frame) noexcept { r.frame_ = frame; }
    static std::coroutine_handle<> take_frame(request& r) noexcept {
        return std::exchange(r.frame_, {});
    }
};

}  // namespace detail

}  // namespace ashlar
