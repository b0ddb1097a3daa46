// SPDX-License-Identifier: MIT
#include "queue/user_copy.hpp"

#include "uapi/ublk.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::queue {

namespace {

// Never written to: its pages stay those of the kernel's one page of zeros.
constexpr std::size_t zero_bytes = 64 << 10;
std::byte zeros[zero_bytes];

// Calls `move(rest, position)` until all has gone. A copy is cut short only where memory can't be
// reached, and one that does not move at all would not do so later.
template <class Span, class F>
std::error_code move_all(const copy_place& p, std::size_t skip, Span rest, F&& move) {
    while (!rest.empty()) {
        const std::uint64_t position =
            uapi::user_copy_position(p.queue, p.tag, static_cast<std::uint32_t>(skip));
        const std::int64_t count = move(rest, position);
        if (count == -EINTR || count == -EAGAIN) continue;
        if (count < 0) return {static_cast<int>(-count), std::generic_category()};
        if (count == 0) return {EIO, std::generic_category()};
        const auto moved = std::min(static_cast<std::size_t>(count), rest.size());
        rest = rest.subspan(moved);
        skip += moved;
    }
    return {};
}

}  // namespace

std::error_code copy_from_request(const copy_place& p, std::size_t skip,
                                  std::span<std::byte> into) {
    return move_all(p, skip, into, [&](std::span<std::byte> rest, std::uint64_t position) {
        return p.machine->read_at(p.char_fd, rest, position);
    });
}

std::error_code copy_to_request(const copy_place& p, std::size_t skip,
                                std::span<const std::byte> from) {
    return move_all(p, skip, from, [&](std::span<const std::byte> rest, std::uint64_t position) {
        return p.machine->write_at(p.char_fd, rest, position);
    });
}

std::span<const std::byte> some_zeros() { return zeros; }

std::error_code zero_request(const copy_place& p, std::size_t skip, std::size_t bytes) {
    while (bytes != 0) {
        const std::size_t part = std::min(bytes, zero_bytes);
        if (auto failed = copy_to_request(p, skip, std::span(zeros, part))) return failed;
        skip += part;
        bytes -= part;
    }
    return {};
}

}  // namespace ashlar::queue
