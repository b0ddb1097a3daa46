// SPDX-License-Identifier: MIT
// Devices with batches: PREP_IO_CMDS, COMMIT_IO_CMDS, FETCH_IO_CMDS.
#include "twin/ublk_core.hpp"

#include <algorithm>
#include <cstring>

namespace ashlar::twin {

namespace {

struct element {
    uapi::elem_header header = {};
    std::uint64_t address = 0;
};

// Element n of the array; false if it can't be read.
bool read_element(const uring_command& c, const uapi::batch_io& batch, unsigned n, element& e) {
    std::byte raw[24] = {};
    const std::uint64_t at = c.address + std::uint64_t{n} * batch.elem_bytes;
    if (!process::copy_in(raw, at, batch.elem_bytes)) return false;
    std::memcpy(&e.header, raw, sizeof e.header);
    e.address = 0;
    if ((batch.flags & uapi::batch_f_has_buf_addr) != 0) std::memcpy(&e.address, raw + 8, 8);
    return true;
}

bool has_room(const ring& r) {
    return r.cq_tail - r.cq_head + r.ready.size() + r.overflow.size() < r.cq_limit;
}

void deliver_to_fetch(void* object, std::uint64_t serial) {
    auto& q = *static_cast<ublk_queue*>(object);
    if (q.fetching == nullptr || q.fetch_serial != serial) return;
    q.home->core.deliver_batch(q);
}

}  // namespace

std::optional<int> ublk_core::batch_command(ublk_device& d, uring_command& c) {
    const auto op = static_cast<uapi::io_op>(uapi::decode(c.number).nr);
    uapi::io_cmd io;
    uapi::batch_io batch;
    std::memcpy(&io, c.payload.data(), sizeof io);
    std::memcpy(&batch, c.payload.data(), sizeof batch);
    c.q_id = batch.q_id < d.queues.size() ? batch.q_id : std::uint16_t{0};
    if (op == uapi::io_op::register_io_buf && c.number == uapi::encoded(op)) {
        return register_buffer(d, c, io);
    }
    if (op == uapi::io_op::unregister_io_buf && c.number == uapi::encoded(op)) {
        return unregister_buffer(d, c, io);
    }
    ublk_queue& q = d.queues[c.q_id];
    rules::call& facts = fill_io(d, c, io);
    facts.batch = &batch;
    facts.multishot = (c.flags & uring_multishot) != 0;
    facts.cancelling = q.cancelling;
    facts.force_abort = q.force_abort;
    facts.elements_readable.forget();
    const int code = judge(rules::subject_of(op), facts);
    std::optional<int> result = code;
    if (code == 0) {
        switch (op) {
            case uapi::io_op::prep_io_cmds: result = prepare(q, c, batch); break;
            case uapi::io_op::commit_io_cmds: result = commit_batch(q, c, batch); break;
            case uapi::io_op::fetch_io_cmds: result = fetch_batch(q, c); break;
            default: result = -EOPNOTSUPP; break;
        }
    }
    facts.batch.forget();
    return result;
}

// Fetches a number of tags, or none of them.
int ublk_core::prepare(ublk_queue& q, uring_command& c, const uapi::batch_io& batch) {
    ublk_device& d = *q.home;
    std::vector<element> elements(batch.nr_elem);
    bool readable = true;
    for (unsigned n = 0; n < batch.nr_elem; ++n) {
        readable = readable && read_element(c, batch, n, elements[n]);
    }
    q.facts.elements_readable = readable;
    if (const int code = judge(rules::subject::prep_io_cmds, q.facts)) return code;
    d.mutex.lock();
    int code = 0;
    unsigned done = 0;
    for (; done < batch.nr_elem; ++done) {
        const element& e = elements[done];
        rules::call& facts = fill_io(d, c, {.q_id = q.id, .tag = e.header.tag, .addr = e.address});
        facts.stopping = d.stopping;
        facts.all_fetched = d.all_fetched();
        code = judge(rules::subject::prep_element, facts);
        if (code != 0) break;
        slot& s = q.slots[e.header.tag];
        s.address = e.address;
        s.word = e.header.buf_index;
        s.fallback = (batch.flags & uapi::batch_f_auto_buf_reg_fallback) != 0;
        s.active = true;
        mark_fetched(s, c);
    }
    while (code != 0 && done != 0) {
        done -= 1;
        forget_fetched(q.slots[elements[done].header.tag]);
    }
    d.mutex.unlock();
    return code;
}

// The result says how far it came; what stopped it is told only if it came nowhere.
int ublk_core::commit_batch(ublk_queue& q, uring_command& c, const uapi::batch_io& batch) {
    ublk_device& d = *q.home;
    for (unsigned n = 0; n < batch.nr_elem; ++n) {
        element e;
        const bool readable = read_element(c, batch, n, e);
        rules::call& facts = fill_io(
            d, c,
            {.q_id = q.id, .tag = e.header.tag, .result = e.header.result, .addr = e.address});
        facts.elements_readable = readable;
        if (!readable) facts.tag.forget();
        if (const int code = judge(rules::subject::commit_element, facts)) {
            if (code == -EBUSY) accuse(q.slots[e.header.tag], "a commit without a request");
            return n == 0 ? code : static_cast<int>(n * batch.elem_bytes);
        }
        commit_element(q.slots[e.header.tag], c, e.header, e.address,
                       (batch.flags & uapi::batch_f_auto_buf_reg_fallback) != 0);
    }
    return batch.nr_elem * batch.elem_bytes;
}

void ublk_core::commit_element(slot& s, uring_command& c, const uapi::elem_header& header,
                               std::uint64_t address, bool fallback) {
    ublk_device& d = *s.home->home;
    block_request* r = s.request;
    take_result(s, header.result, address, c.home);
    s.address = address;
    s.word = header.buf_index;
    s.fallback = fallback;
    s.active = true;
    s.owned = false;
    scribble(s);
    if (r != nullptr && r->committed && r->references == 0) finish(d, *r);
    if (d.watchers != 0) changed(d);
}

std::optional<int> ublk_core::fetch_batch(ublk_queue& q, uring_command& c) {
    q.fetches.push_back(&c);
    log().add("device {} queue {}: a fetch command of thread {}", q.home->id, q.id, c.who);
    next_fetch(q);
    return std::nullopt;
}

// One fetch command is at work at a time.
void ublk_core::next_fetch(ublk_queue& q) {
    if (q.fetching != nullptr || q.arrived.empty() || q.fetches.empty()) return;
    const std::size_t chosen =
        home.options().manner.any_order ? home.choices().below(q.fetches.size()) : 0;
    uring_command& c = *q.fetches[chosen];
    if (c.home == nullptr || c.home->closing) return;
    q.fetching = &c;
    q.fetch_serial += 1;
    c.home->add_work(c.who, {.run = deliver_to_fetch, .object = &q, .argument = q.fetch_serial});
}

void ublk_core::end_fetch(ublk_queue& q, uring_command& c, int result) {
    std::erase(q.fetches, &c);
    if (q.fetching == &c) q.fetching = nullptr;
    ring::complete(c, result);
    next_fetch(q);
}

// In the thread of the fetch command: as many tags as there are and fit.
void ublk_core::deliver_batch(ublk_queue& q) {
    while (!q.arrived.empty()) {
        uring_command& c = *q.fetching;
        const auto buffer = c.home->take_provided(c.buffer_group);
        if (!buffer) return end_fetch(q, c, -ENOBUFS);
        const std::size_t room = std::min<std::size_t>(buffer->bytes / sizeof(std::uint16_t),
                                                       uapi::batch_tags_per_cqe_max);
        std::size_t take = std::min(room, q.arrived.size());
        if (home.options().manner.any_order && take > 1) take = home.choices().between(1, take);
        std::vector<std::uint16_t>& tags = q.handed;
        tags.assign(q.arrived.begin(), q.arrived.begin() + static_cast<std::ptrdiff_t>(take));
        q.arrived.erase(q.arrived.begin(), q.arrived.begin() + static_cast<std::ptrdiff_t>(take));
        // Room for the completion is looked for before the requests change hands.
        if (!has_room(*c.home)) {
            q.arrived.insert(q.arrived.begin(), tags.begin(), tags.end());
            c.home->give_back_provided(c.buffer_group);
            return end_fetch(q, c, -ENOBUFS);
        }
        std::erase_if(tags, [&](std::uint16_t tag) { return !hand_over(q.slots[tag], c.home); });
        const std::size_t bytes = tags.size() * sizeof(std::uint16_t);
        process::copy_out(reinterpret_cast<std::uintptr_t>(buffer->base), tags.data(), bytes);
        ring::post_more(c, static_cast<int>(bytes),
                        IORING_CQE_F_BUFFER | static_cast<unsigned>(buffer->id)
                                                  << IORING_CQE_BUFFER_SHIFT);
    }
    q.fetching = nullptr;
}

}  // namespace ashlar::twin
