// SPDX-License-Identifier: MIT
// A request's way through the queue: from its descriptor to the target, and the target's answer.
#include "queue/slot.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <new>
#include <optional>
#include <system_error>

namespace ashlar::queue {

// Tells a request that no target may see: with what errno it is to be answered.
std::optional<int> queue::refusal(const uapi::io_desc& d, operation& op) const {
    const std::uint64_t size_sectors = spec_.size / uapi::sector_bytes;
    switch (uapi::op_of(d.op_flags)) {
        case uapi::op::read: op = operation::read; break;
        case uapi::op::write: op = operation::write; break;
        case uapi::op::flush: op = operation::flush; return std::nullopt;
        case uapi::op::discard: op = operation::discard; break;
        case uapi::op::write_zeroes: op = operation::write_zeroes; break;
        default: return EOPNOTSUPP;
    }
    if (d.start_sector > size_sectors || d.nr_sectors > size_sectors - d.start_sector) return EIO;
    const bool data = op == operation::read || op == operation::write;
    if (data && std::uint64_t{d.nr_sectors} * uapi::sector_bytes > spec_.max_io) return EIO;
    return std::nullopt;
}

void queue::arrived(slot& s) {
    s.with = slot::owner::target;
    if (s.asked) return start(s);
    count_arrival(s);
    if (holding_) [[unlikely]] {
        kept_.push_back(&s);
    } else {
        start(s);
    }
}

void queue::start(slot& s) {
    // The kernel writes descriptors in shared memory: what was checked must be what is used.
    const uapi::io_desc d = descriptors_[s.tag];
    operation op = operation::flush;
    const std::optional<int> refused = refusal(d, op);
    s.flushing = s.refused = s.asked = s.registered_by_hand = false;
    if (refused) [[unlikely]] {
        s.set(op, d, {}, -1);
        return refuse(s, *refused,
                      fmt::format("the kernel sent what is unknown, or behind the end "
                                  "(op {})",
                                  d.op_flags & 0xff));
    }
    const bool data = op == operation::read || op == operation::write;
    access way = access_;
    const bool by_hand =
        spec_.lane == lane::zero_copy_manual || (d.op_flags & uapi::io_f_need_reg_buf) != 0;
    if (way == access::registered && by_hand && data && !register_data(s)) [[unlikely]] {
        way = access::own_buffer;
    }
    s.set(op, d, data ? room_for(s, d, op, way) : std::span<std::byte>(),
          data && way == access::registered ? place_in_table(s.tag) : -1);
    if (data && (d.op_flags & uapi::io_f_shmem_zc) != 0) {
        s.use_shared();
        if (s.data().empty()) [[unlikely]] {
            return refuse(s, EIO, "its data lies in memory that is not known here");
        }
    }
    if (way == access::in_place && op == operation::read) s.take_lent();
    s.flush_follows =
        op == operation::write && spec_.flush_after_fua && (d.op_flags & uapi::io_f_fua) != 0;
    counters_.by_operation[static_cast<unsigned>(op)].add(1);
    hand_over(s, data ? way : access::direct);
}

// No target sees it.
void queue::refuse(slot& s, int code, std::string_view why) {
    note(s, code, why);
    counters_.failed.add(1);
    commit(s, -code);
}

inline void queue::hand_over(slot& s, access way) {
    s.goes_back = way == access::own_buffer && s.op() == operation::read;
    if (way == access::own_buffer && s.op() == operation::write) {
        if (auto failed = copy_from_request(place_of(s), 0, s.data())) [[unlikely]] {
            return answer(s, failed, "its data could not be had");
        }
    }
    give_to_target(s);
}

// Where in this process the data of a request is, or has to be put.
inline std::span<std::byte> queue::room_for(slot& s, const uapi::io_desc& d, operation op,
                                            access way) {
    const std::size_t bytes = d.nr_sectors * std::size_t{uapi::sector_bytes};
    if (way == access::own_buffer) return from_pool(s, bytes);
    if (way != access::buffer && way != access::in_place) return {};
    if ((d.op_flags & uapi::io_f_shmem_zc) != 0) return spec_.shared->find(d.addr, bytes);
    if (way == access::in_place && op == operation::write) return {s.place, bytes};
    return buffers_.of(s.tag, bytes);
}

std::span<std::byte> queue::from_pool(slot& s, std::size_t bytes) {
    if (bytes == 0) return {};
    std::byte* buffer = loop_.buffers().take(bytes);
    s.pooled = buffer != nullptr;
    // No request fails for want of memory: each tag has had its range since the queue was opened.
    return s.pooled ? std::span(buffer, bytes) : buffers_.of(s.tag, bytes);
}

inline void queue::give_to_target(slot& s) {
    if (target_.table().asynchronous) {
        arena_in_use arena(&s.frames);
        target_.start(s);
    } else {
        target_.start(s);
    }
}

copy_place queue::place_of(const slot& s) const {
    return {.machine = spec_.machine, .char_fd = spec_.char_fd, .queue = spec_.id, .tag = s.tag};
}

inline void queue::answer(slot& s, std::error_code failed, std::string_view why) {
    if (s.with != slot::owner::target) [[unlikely]] {
        note(s, EINVAL, "a request was answered twice; the second answer is dropped");
        return;
    }
    if (failed && goes_by_buffer(s, failed)) return hand_over(s, access::own_buffer);
    if (s.goes_back && !failed) {
        failed = copy_to_request(place_of(s), 0, s.data());
        if (failed) why = "its data could not be given";
    }
    if (failed) [[unlikely]] {
        const bool is_errno = failed.category() == std::generic_category() ||
                              failed.category() == std::system_category();
        const bool sane = is_errno && failed.value() > 0 && failed.value() < 4096;
        const int code = sane ? failed.value() : EIO;
        note(s, code, s.flushing ? "the flush of a write with FUA failed" : why);
        counters_.failed.add(1);
        return commit(s, -code);
    }
    if (s.flush_follows) [[unlikely]] {
        s.flush_follows = false;
        s.flushing = true;
        s.make_flush();
        return give_to_target(s);
    }
    std::int32_t outcome = 0;
    if (s.op() == operation::read) {
        outcome = static_cast<std::int32_t>(s.length());
        counters_.bytes_read.add(s.length());
    } else if (s.op() == operation::write || s.flushing) {
        outcome = static_cast<std::int32_t>(s.length());
        counters_.bytes_written.add(s.length());
    }
    if (s.copied() != 0) counters_.bytes_copied.add(s.copied());
    commit(s, outcome);
}

// A message about one request. At most ten a second: a broken disk must not drown its machine.
void queue::note(slot& s, int code, std::string_view what) {
    const std::uint64_t now = spec_.machine->now_ns();
    if (now - note_window_ns_ > 1'000'000'000) {
        if (notes_in_window_ > 10) {
            log(level::warning, fmt::format("device {}: queue {}: {} more messages like the last",
                                            spec_.device, spec_.id, notes_in_window_ - 10));
        }
        note_window_ns_ = now;
        notes_in_window_ = 0;
    }
    if (++notes_in_window_ > 10) return;
    // A flush is of the whole disk: its place means nothing.
    const std::string place = s.op() == operation::flush
                                  ? std::string()
                                  : fmt::format(" of {} bytes at {}", s.length(), s.offset());
    log(level::error,
        fmt::format("device {}: queue {}: tag {}: {}{}: {}: {} ({})", spec_.device, spec_.id, s.tag,
                    name(s.op()), place, what, errno_text(code), errno_name(code)));
}

}  // namespace ashlar::queue

namespace ashlar::detail {

std::error_code request_answer::copy_out(request& r, std::size_t skip,
                                         std::span<const std::byte> from) noexcept {
    auto& s = static_cast<queue::queue::slot&>(r);
    r.copied_ += from.size();
    return queue::copy_to_request(s.home->place_of(s), skip, from);
}

std::error_code request_answer::zero_out(request& r, std::size_t skip, std::size_t bytes) noexcept {
    auto& s = static_cast<queue::queue::slot&>(r);
    r.copied_ += bytes;
    return queue::zero_request(s.home->place_of(s), skip, bytes);
}

bool request_answer::lend_zeros(request& r, std::size_t bytes) noexcept {
    return bytes <= queue::some_zeros().size() && lend(r, queue::some_zeros().data());
}

std::error_code request_answer::copy_in(request& r, std::size_t skip,
                                        std::span<std::byte> into) noexcept {
    auto& s = static_cast<queue::queue::slot&>(r);
    r.copied_ += into.size();
    return queue::copy_from_request(s.home->place_of(s), skip, into);
}

void request_answer::give(request& r, std::error_code failed) noexcept {
    auto& s = static_cast<queue::queue::slot&>(r);
    s.home->answer(s, failed);
}

void request_answer::give_exception(request& r, std::exception_ptr what) noexcept {
    std::error_code failed = io_error(EIO);
    std::string text = "an exception of unknown type";
    try {
        std::rethrow_exception(std::move(what));
    } catch (const std::system_error& e) {
        failed = e.code();
        text = e.what();
    } catch (const std::bad_alloc&) {
        failed = io_error(ENOMEM);
        text = "out of memory";
    } catch (const std::exception& e) {
        text = e.what();
    } catch (...) {}
    auto& s = static_cast<queue::queue::slot&>(r);
    s.home->answer(s, failed ? failed : io_error(EIO), "the target threw: " + text);
}

}  // namespace ashlar::detail
