// SPDX-License-Identifier: MIT
// Requests that are answered without a step: while a disk starts, and at the end.
#include "actor.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace agree {

const uapi::io_desc* actor::descriptor(unsigned dev, unsigned queue, unsigned tag) const {
    const auto& m = process_.maps[dev][queue % queues_max];
    const std::size_t offset = tag * board_.devices[dev].desc_bytes;
    if (m.at == nullptr || offset + sizeof(uapi::io_desc) > m.bytes) return nullptr;
    return reinterpret_cast<const uapi::io_desc*>(m.at + offset);
}

bool actor::serve(ring& on, unsigned number, const io_uring_cqe& c) {
    const step& s = sequence_.steps[number];
    if (s.what != op::submit || s.control || s.opcode != 46) return false;
    const auto nr = static_cast<uapi::io_op>(uapi::decode(s.command).nr);
    if (nr == uapi::io_op::fetch_io_cmds && c.res >= 0 && (c.flags & IORING_CQE_F_BUFFER) != 0) {
        serve_batch(on, s, c);
        return true;
    }
    const bool single = nr == uapi::io_op::fetch_req || nr == uapi::io_op::commit_and_fetch_req;
    if (!single || c.res < 0 || c.res > 1) return false;
    serve_one(on, number, s, s.tag, c.res);
    return true;
}

namespace {

std::int32_t full_result(const uapi::io_desc* request) {
    if (request == nullptr) return 0;
    const uapi::op what = uapi::op_of(request->op_flags);
    const bool moves = what == uapi::op::read || what == uapi::op::write;
    return moves ? static_cast<std::int32_t>(request->nr_sectors * uapi::sector_bytes) : 0;
}

bool copies(std::uint64_t flags) {
    return (flags & (uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg)) == 0;
}

}  // namespace

void actor::serve_one(ring& on, unsigned number, const step& s, unsigned tag, int result) {
    io_uring_sqe* entry = io_uring_get_sqe(&on.raw);
    if (entry == nullptr) return;
    std::memset(static_cast<void*>(entry), 0, on.entry_bytes);
    const uapi::io_op what =
        result == 1 ? uapi::io_op::need_get_data : uapi::io_op::commit_and_fetch_req;
    const bool with_buffer = copies(board_.devices[s.dev].flags);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = process_.char_fd[s.dev];
    entry->off = uapi::encoded(what);
    entry->addr = s.entry_addr;
    entry->user_data = number;
    const uapi::io_cmd command{
        .q_id = s.queue,
        .tag = static_cast<std::uint16_t>(tag),
        .result = full_result(descriptor(s.dev, s.queue, tag)),
        .addr = with_buffer ? reinterpret_cast<std::uintptr_t>(process_.buffer(s.dev, s.queue, tag))
                            : 0};
    std::memcpy(reinterpret_cast<std::byte*>(entry) + 48, &command, sizeof command);
    board_.served += 1;
    calls_.ring_submit(on.raw);
}

std::vector<std::uint16_t> actor::tags_of(const ring& on, const io_uring_cqe& c) const {
    if (c.res <= 0 || (c.flags & IORING_CQE_F_BUFFER) == 0 || on.provided == nullptr) return {};
    std::vector<std::uint16_t> tags(static_cast<unsigned>(c.res) / 2);
    const unsigned id = c.flags >> IORING_CQE_BUFFER_SHIFT;
    std::memcpy(tags.data(), on.provided_memory + id * provided_bytes, tags.size() * 2);
    std::ranges::sort(tags);
    return tags;
}

void actor::serve_batch(ring& on, const step& s, const io_uring_cqe& c) {
    const std::vector<std::uint16_t> tags = tags_of(on, c);
    recycle(on, c.flags);
    if (!tags.empty()) commit_batch(on, s, tags);
}

void actor::commit_batch(ring& on, const step& s, std::span<const std::uint16_t> tags) {
    const bool with_buffer = copies(board_.devices[s.dev].flags);
    std::byte* elements = calls_.memory(4096);
    const std::uint16_t flags = with_buffer ? uapi::batch_f_has_buf_addr : std::uint16_t{0};
    const unsigned bytes = uapi::batch_elem_bytes(flags);
    std::byte* to = elements;
    for (std::uint16_t tag : tags) {
        const uapi::elem_header e{
            .tag = tag, .buf_index = tag, .result = full_result(descriptor(s.dev, s.queue, tag))};
        std::memcpy(to, &e, sizeof e);
        const auto at = reinterpret_cast<std::uintptr_t>(process_.buffer(s.dev, s.queue, tag));
        if (with_buffer) std::memcpy(to + 8, &at, sizeof at);
        to += bytes;
    }
    io_uring_sqe* entry = io_uring_get_sqe(&on.raw);
    if (entry == nullptr) return;
    std::memset(static_cast<void*>(entry), 0, on.entry_bytes);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = process_.char_fd[s.dev];
    entry->off = uapi::encoded(uapi::io_op::commit_io_cmds);
    entry->addr = reinterpret_cast<std::uintptr_t>(elements);
    entry->user_data = of_serving;
    const uapi::batch_io header{.q_id = s.queue,
                                .flags = flags,
                                .nr_elem = static_cast<std::uint16_t>(tags.size()),
                                .elem_bytes = static_cast<std::uint8_t>(bytes)};
    std::memcpy(reinterpret_cast<std::byte*>(entry) + 48, &header, sizeof header);
    board_.served += static_cast<std::uint32_t>(tags.size());
    calls_.ring_submit(on.raw);
}

void actor::remember(ring& on, unsigned number, const io_uring_cqe& c) {
    const step& s = sequence_.steps[number];
    if (const auto refused = answered_.find(number); refused != answered_.end() && c.res < 0) {
        in_hand_.push_back(refused->second);
        answered_.erase(refused);
    }
    if (s.what != op::submit || s.control || s.opcode != IORING_OP_URING_CMD || c.res < 0) return;
    const auto index = static_cast<unsigned>(&on - rings_.data());
    switch (static_cast<uapi::io_op>(uapi::decode(s.command).nr)) {
        case uapi::io_op::fetch_req:
        case uapi::io_op::commit_and_fetch_req:
        case uapi::io_op::need_get_data:
            if (c.res <= 1) in_hand_.push_back({number, s.tag, c.res, index});
            break;
        case uapi::io_op::fetch_io_cmds:
            for (std::uint16_t tag : tags_of(on, c)) in_hand_.push_back({number, tag, 0, index});
            break;
        default: break;
    }
}

// A step that answers what is in hand; refused, it stays in hand, and the end finds it there.
void actor::forget(const step& s, unsigned number) {
    if (s.control || s.batch) return;
    const auto found = std::ranges::find_if(in_hand_, [&](const delivered& d) {
        const step& asked = sequence_.steps[d.step];
        return asked.dev == s.dev && asked.queue == s.queue && d.tag == s.tag;
    });
    if (found == in_hand_.end()) return;
    answered_[number] = *found;
    in_hand_.erase(found);
}

void actor::answer_all() {
    for (const delivered& d : std::exchange(in_hand_, {})) {
        const step& s = sequence_.steps[d.step];
        ring& on = rings_[d.ring];
        if (!on.open) continue;
        if (s.batch) commit_batch(on, s, std::span(&d.tag, 1));
        else serve_one(on, d.step, s, d.tag, d.result);
    }
}

// Gives a provided buffer back to its group.
void actor::recycle(ring& on, unsigned flags) {
    if (on.provided == nullptr || (flags & IORING_CQE_F_BUFFER) == 0) return;
    const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    io_uring_buf_ring_add(on.provided, on.provided_memory + id * provided_bytes, provided_bytes,
                          static_cast<unsigned short>(id),
                          io_uring_buf_ring_mask(on.provided_count), 0);
    io_uring_buf_ring_advance(on.provided, 1);
}

}  // namespace agree
