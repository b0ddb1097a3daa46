// SPDX-License-Identifier: MIT
// A request's data as a buffer in the table of a ring.
#include "twin/ublk_core.hpp"

namespace ashlar::twin {

namespace {

constexpr std::uint32_t refusal_chance = 50'000;  // of a million registrations

}  // namespace

void ublk_core::fill_index(rules::call& facts, const ring* r, std::uint64_t index) const {
    const bool in_table = r != nullptr && index < r->buffers.size();
    const auto kind = in_table ? r->buffers[index].what : fixed_buffer::kind::none;
    facts.index_in_table = in_table;
    facts.index_used = kind != fixed_buffer::kind::none;
    facts.index_is_user_buffer = kind == fixed_buffer::kind::user;
}

void ublk_core::put_in_table(ring& where, std::uint16_t index, block_request& r) {
    where.buffers[index] = {.what = fixed_buffer::kind::request,
                            .base = r.data,
                            .bytes = bytes_of(r),
                            .may_read_into = r.op == uapi::op::read,
                            .may_write_from = r.op == uapi::op::write,
                            .owner = &r};
    r.references += 1;
    log().add("queue {} tag {}: registered at {}", r.queue, r.tag, index);
}

int ublk_core::register_buffer(ublk_device& d, uring_command& c, const uapi::io_cmd& io) {
    rules::call& facts = fill_io(d, c, io);
    const std::uint64_t index = io.addr & 0xffffffff;
    fill_index(facts, c.home, index);
    if (const int code = judge(rules::subject::register_io_buf, facts)) return code;
    if (home.options().manner.refused_registrations && home.maybe(refusal_chance)) return -ENOMEM;
    put_in_table(*c.home, static_cast<std::uint16_t>(index),
                 *d.queues[io.q_id].slots[io.tag].request);
    return 0;
}

int ublk_core::unregister_buffer(ublk_device& d, uring_command& c, const uapi::io_cmd& io) {
    rules::call& facts = fill_io(d, c, io);
    const std::uint64_t index = io.addr & 0xffffffff;
    fill_index(facts, c.home, index);
    if (const int code = judge(rules::subject::unregister_io_buf, facts)) return code;
    block_request* r = c.home->buffers[index].owner;
    c.home->buffers[index] = {};
    log().add("queue {} tag {}: no more registered at {}", r->queue, r->tag, index);
    put_request(*r);
    return 0;
}

// At delivery, where the slot's word says. False: the place can't be had.
bool ublk_core::register_automatically(slot& s, ring* where) {
    const uapi::auto_buf_reg word = uapi::auto_buf_reg_of(s.word);
    if (!s.home->home->batch()) s.fallback = (word.flags & uapi::auto_buf_reg_fallback) != 0;
    s.auto_registered = false;
    // Memory for it can be short at any time.
    if (home.options().manner.refused_registrations && home.maybe(refusal_chance)) return false;
    if (where == nullptr || word.index >= where->buffers.size()) return false;
    if (where->buffers[word.index].what != fixed_buffer::kind::none) return false;
    put_in_table(*where, word.index, *s.request);
    s.auto_registered = true;
    s.registered_in = where;
    s.registered_at = word.index;
    return true;
}

}  // namespace ashlar::twin
