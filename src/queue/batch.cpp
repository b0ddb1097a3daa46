// SPDX-License-Identifier: MIT
#include "queue/batch.hpp"

#include "base/try.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ashlar::queue {

namespace {

// A completion brings all that has come since the last look, so few buffers are under way at a
// time; where they do not suffice the kernel ends the fetch command, and gets another.
constexpr unsigned buffer_count = 16;
constexpr unsigned multishot = 1U << 1;  // IORING_URING_CMD_MULTISHOT, newer than our header

}  // namespace

result<std::unique_ptr<batch>> batch::open(os::machine& m, os::ring& r, const spec& s) {
    std::unique_ptr<batch> b(new batch(m, s));
    if (s.with_address) b->flags_ |= uapi::batch_f_has_buf_addr;
    b->element_bytes_ = uapi::batch_elem_bytes(b->flags_);
    if (s.with_fallback) b->flags_ |= uapi::batch_f_auto_buf_reg_fallback;

    const std::size_t ring_bytes = buffer_count * sizeof(io_uring_buf);
    const std::size_t tag_bytes =
        std::size_t{buffer_count} * uapi::batch_tags_per_cqe_max * sizeof(std::uint16_t);
    const std::size_t array_bytes = std::size_t{s.depth} * b->element_bytes_;
    ASHLAR_TRY(b->memory_, m.allocate_memory(ring_bytes + tag_bytes + 2 * array_bytes));
    b->provided_ = reinterpret_cast<io_uring_buf_ring*>(b->memory_.data());
    // What is used from the beginning comes first, so that an idle queue has one page of it.
    b->elements_ = b->memory_.data() + ring_bytes;
    b->tags_ = reinterpret_cast<std::uint16_t*>(b->elements_ + 2 * array_bytes);

    io_uring_buf_reg wanted{};
    wanted.ring_addr = reinterpret_cast<std::uintptr_t>(b->provided_);
    wanted.ring_entries = buffer_count;
    wanted.bgid = s.group;
    const int registered = m.ring_register(r.raw(), IORING_REGISTER_PBUF_RING, &wanted, 1);
    if (registered < 0) {
        return failure(
            {.operation = "io_uring_register", .object = "provided buffers", .code = -registered});
    }
    for (unsigned n = 0; n < buffer_count; ++n) b->give_back(n << IORING_CQE_BUFFER_SHIFT);
    return b;
}

void batch::let_go(os::ring& r) noexcept {
    io_uring_buf_reg group{};
    group.bgid = spec_.group;
    machine_.ring_register(r.raw(), IORING_UNREGISTER_PBUF_RING, &group, 1);
}

// The ring is closed, or it has been let go.
batch::~batch() {
    if (!memory_.empty()) machine_.free_memory(memory_);
}

void batch::fill(io_uring_sqe& entry, uapi::io_op op, const std::byte* elements, unsigned count,
                 std::uint16_t flags) noexcept {
    entry.opcode = IORING_OP_URING_CMD;
    entry.flags = spec_.file_flag;
    entry.fd = spec_.file;
    entry.cmd_op = uapi::encoded(op);
    entry.addr = reinterpret_cast<std::uintptr_t>(elements);
    const uapi::batch_io payload{.q_id = spec_.queue,
                                 .flags = flags,
                                 .nr_elem = static_cast<std::uint16_t>(count),
                                 .elem_bytes = static_cast<std::uint8_t>(element_bytes_)};
    std::memcpy(entry.cmd, &payload, sizeof payload);
}

void batch::fill_prepare(io_uring_sqe& entry) noexcept {
    fill(entry, uapi::io_op::prep_io_cmds, element(gathering_, 0), gathered_, flags_);
}

void batch::fill_fetch(io_uring_sqe& entry) noexcept {
    entry.opcode = IORING_OP_URING_CMD;
    entry.flags = spec_.file_flag | IOSQE_BUFFER_SELECT;
    entry.fd = spec_.file;
    entry.cmd_op = uapi::encoded(uapi::io_op::fetch_io_cmds);
    entry.uring_cmd_flags = multishot;
    entry.buf_group = spec_.group;
    const uapi::batch_io payload{.q_id = spec_.queue, .elem_bytes = sizeof(std::uint16_t)};
    std::memcpy(entry.cmd, &payload, sizeof payload);
}

void batch::fill_commit(io_uring_sqe& entry) noexcept {
    first_ = 0;
    left_ = gathered_;
    gathering_ = 1 - gathering_;
    gathered_ = 0;
    fill_rest(entry);
}

void batch::fill_rest(io_uring_sqe& entry) noexcept {
    fill(entry, uapi::io_op::commit_io_cmds, element(1 - gathering_, first_), left_, flags_);
}

// The kernel tells how far it came, and why it came no further only where it came nowhere.
std::optional<std::uint16_t> batch::committed(int outcome) noexcept {
    if (outcome > 0) {
        const unsigned taken = std::min(static_cast<unsigned>(outcome) / element_bytes_, left_);
        first_ += taken;
        left_ -= taken;
        return std::nullopt;
    }
    uapi::elem_header refused;
    std::memcpy(&refused, element(1 - gathering_, first_), sizeof refused);
    first_ += 1;
    left_ -= 1;
    return refused.tag;
}

std::span<const std::uint16_t> batch::tags(int outcome, unsigned flags) const noexcept {
    const std::size_t buffer = flags >> IORING_CQE_BUFFER_SHIFT;
    return {tags_ + buffer * uapi::batch_tags_per_cqe_max,
            static_cast<std::size_t>(outcome) / sizeof(std::uint16_t)};
}

void batch::give_back(unsigned flags) noexcept {
    const std::size_t buffer = flags >> IORING_CQE_BUFFER_SHIFT;
    const unsigned tail = provided_->tail;
    io_uring_buf& place = provided_->bufs[tail % buffer_count];
    place.addr = reinterpret_cast<std::uintptr_t>(tags_ + buffer * uapi::batch_tags_per_cqe_max);
    place.len = uapi::batch_tags_per_cqe_max * sizeof(std::uint16_t);
    place.bid = static_cast<std::uint16_t>(buffer);
    std::atomic_ref(provided_->tail)
        .store(static_cast<std::uint16_t>(tail + 1), std::memory_order_release);
}

}  // namespace ashlar::queue
