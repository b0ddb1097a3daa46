// SPDX-License-Identifier: MIT
// The data of a request, for targets that keep theirs in memory: handlers that take these instead
// of a span let each byte be copied once, straight between their memory and the pages of whoever
// reads or writes the disk, where the kernel has a way for that (user copy).
//
//     void read(std::uint64_t at, ashlar::data_out& out) { out.give({&bytes[at], out.left()}); }
//     void write(std::uint64_t at, ashlar::data_in& in)  { in.take({&bytes[at], in.left()}); }
//
// A target with a `place` (target.hpp) needs no system call for a copy: the kernel itself copies
// from where a read's data lies, and to where a write's data goes.
//
//     void read(std::uint64_t at, ashlar::data_out& out) { out.lend({&bytes[at], out.left()}); }
//
// Data goes in order, in as many pieces as the target likes. A handler that returns before all of
// it has gone fails the request (EIO), and so does a copy that the kernel could not make whole.
#pragma once

#include <ashlar/request.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <system_error>

namespace ashlar {

namespace detail {

// What both directions share: how far it has come, and what went wrong.
class transfer {
public:
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;

    // Bytes that have not gone yet.
    [[nodiscard]] std::size_t left() const noexcept { return length_ - done_; }
    // What a copy failed with. Nothing more is copied after that.
    [[nodiscard]] std::error_code failed() const noexcept { return failed_; }

    // For the core, once the handler has returned: what the transfer is worth.
    std::error_code end() noexcept {
        if (!failed_ && left() != 0) failed_ = {EIO, std::generic_category()};
        if (request_ != nullptr && buffer_ != nullptr) request_answer::copied(*request_, copied_);
        return failed_;
    }

protected:
    explicit transfer(std::span<std::byte> buffer)
        : buffer_(buffer.data()), length_(buffer.size()) {}
    explicit transfer(request& r)
        : request_(&r), buffer_(r.data().data()), length_(static_cast<std::size_t>(r.length())) {}
    ~transfer() = default;

    // How much of `bytes` still belongs to the request, and nothing after a failure.
    [[nodiscard]] std::size_t room(std::size_t bytes) const noexcept {
        return failed_ ? 0 : std::min(bytes, left());
    }

    request* request_ = nullptr;
    std::byte* buffer_;  // null: the data is still with the kernel
    std::size_t length_;
    std::size_t done_ = 0;
    std::size_t copied_ = 0;
    std::error_code failed_;
};

}  // namespace detail

// Of a read: where the target's bytes go.
class data_out : public detail::transfer {
public:
    explicit data_out(request& r) : transfer(r) {}
    // For a target's own tests: fills this buffer.
    explicit data_out(std::span<std::byte> buffer) : transfer(buffer) {}

    // The next bytes of the request are these.
    void give(std::span<const std::byte> bytes) noexcept {
        const std::size_t count = room(bytes.size());
        if (count == 0) return;
        if (buffer_ != nullptr) {
            std::memcpy(buffer_ + done_, bytes.data(), count);
            copied_ += count;
        } else {
            failed_ = detail::request_answer::copy_out(*request_, done_, bytes.first(count));
        }
        done_ += count;
    }
    // … lie here, and may be taken later: this memory lasts as long as the target, or until its
    // `resize`. Where the whole request is lent at once, the kernel may copy it from there.
    void lend(std::span<const std::byte> bytes) noexcept {
        if (is_whole(bytes.size()) && detail::request_answer::lend(*request_, bytes.data())) {
            done_ = length_;
        } else {
            give(bytes);
        }
    }
    // … are zeros.
    void give_zeros(std::size_t count) noexcept {
        count = room(count);
        if (count == 0) return;
        if (is_whole(count) && detail::request_answer::lend_zeros(*request_, count)) {
            // The kernel copies them from memory that is all zeros.
        } else if (buffer_ != nullptr) {
            std::memset(buffer_ + done_, 0, count);
            copied_ += count;
        } else {
            failed_ = detail::request_answer::zero_out(*request_, done_, count);
        }
        done_ += count;
    }
    // Where the data that is left has a buffer, that: a target that reads from a descriptor may
    // fill it itself, in order. Else empty.
    [[nodiscard]] std::span<std::byte> buffer() const noexcept {
        if (buffer_ == nullptr) return {};
        return {buffer_ + done_, left()};
    }
    void filled(std::size_t count) noexcept { done_ += room(count); }
    // … may be anything, and whoever reads gets what is in its memory. Only for a target without
    // data.
    void leave_rest() noexcept { done_ = length_; }

private:
    [[nodiscard]] bool is_whole(std::size_t bytes) const noexcept {
        return request_ != nullptr && done_ == 0 && room(bytes) == length_;
    }
};

// Of a write: where the target's bytes come from.
class data_in : public detail::transfer {
public:
    explicit data_in(request& r) : transfer(r) {}
    // For a target's own tests: takes from this buffer, which is not written to.
    explicit data_in(std::span<const std::byte> buffer)
        : transfer(std::span(const_cast<std::byte*>(buffer.data()), buffer.size())) {}

    // True if the data that is left is here already: it was put at the target's `place`.
    [[nodiscard]] bool lies_at(const std::byte* place) const noexcept {
        return buffer_ != nullptr && buffer_ + done_ == place;
    }
    // The next bytes of the request go here.
    void take(std::span<std::byte> into) noexcept {
        const std::size_t count = room(into.size());
        if (count == 0) return;
        if (lies_at(into.data())) {
            // Nothing to do: the kernel has put it there.
        } else if (buffer_ != nullptr) {
            std::memcpy(into.data(), buffer_ + done_, count);
            copied_ += count;
        } else {
            failed_ = detail::request_answer::copy_in(*request_, done_, into.first(count));
        }
        done_ += count;
    }
    // Where the data that is left is in a buffer, that: a target that writes to a descriptor may do
    // so from there, in order. Else empty.
    [[nodiscard]] std::span<const std::byte> buffer() const noexcept {
        if (buffer_ == nullptr) return {};
        return {buffer_ + done_, left()};
    }
    void taken(std::size_t count) noexcept { done_ += room(count); }
    // … are not wanted.
    void skip_rest() noexcept { done_ = length_; }
};

}  // namespace ashlar
