// SPDX-License-Identifier: MIT
// I/O commands of devices without batches: FETCH_REQ, COMMIT_AND_FETCH_REQ, NEED_GET_DATA.
#include "rules/effects.hpp"
#include "twin/ublk_core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ashlar::twin {

int ublk_core::judge(rules::subject about, const rules::call& facts) const {
    const rules::row* row = contract.first_broken(about, facts);
    if (row == nullptr || row->what != rules::effect::refuses) return 0;
    return -row->code(facts);
}

void ublk_core::fill_slot(rules::call& facts, const slot& s, const uring_command& c) const {
    facts.slot_active = s.active || s.cancelled;
    facts.slot_owned = s.owned;
    facts.slot_wants_data = s.wants_data;
    facts.caller_owns_slot = s.owner == c.who;
    if (s.owned && s.request != nullptr) {
        facts.request_op = s.request->op;
        facts.request_has_data = has_data(*s.request);
        facts.request_bytes = bytes_of(*s.request);
    } else {
        facts.request_op.forget();
        facts.request_has_data.forget();
        facts.request_bytes.forget();
    }
}

rules::call& ublk_core::fill_io(ublk_device& d, const uring_command& c, const uapi::io_cmd& io) {
    const bool in_range = io.q_id < d.queues.size() && io.tag < d.info.queue_depth;
    ublk_queue& q = d.queues[in_range ? io.q_id : 0];
    rules::call& facts = q.facts;
    facts.command_number = c.number;
    facts.entry_address = c.address;
    facts.q_id = io.q_id;
    facts.tag = io.tag;
    facts.result = io.result;
    facts.io_address = io.addr;
    facts.other_daemon = q.daemon != 0 && q.daemon != c.who;
    if (in_range) {
        fill_slot(facts, q.slots[io.tag], c);
    } else {
        facts.slot_active.forget();
        facts.slot_owned.forget();
        facts.slot_wants_data.forget();
        facts.caller_owns_slot.forget();
    }
    return facts;
}

std::optional<int> ublk_core::io_command(uring_command& c) {
    ublk_device& d = *c.file->device;
    if (d.batch()) return batch_command(d, c);
    uapi::io_cmd io;
    std::memcpy(&io, c.payload.data(), sizeof io);
    const auto op = static_cast<uapi::io_op>(uapi::decode(c.number).nr);
    const rules::subject about = rules::subject_of(op);
    rules::call& facts = fill_io(d, c, io);
    c.q_id = io.q_id;
    c.tag = io.tag;
    if (op == uapi::io_op::commit_and_fetch_req) [[likely]] {
        if (const int code = judge(about, facts)) {
            if (code == -EBUSY && facts.caller_owns_slot.value()) {
                accuse(d.queues[io.q_id].slots[io.tag], "a commit without a request");
            }
            return code;
        }
        return commit(d.queues[io.q_id].slots[io.tag], c, io);
    }
    switch (op) {
        case uapi::io_op::fetch_req: return fetch(d, c, io);
        case uapi::io_op::register_io_buf: return register_buffer(d, c, io);
        case uapi::io_op::unregister_io_buf: return unregister_buffer(d, c, io);
        default: break;
    }
    if (const int code = judge(about, facts)) return code;
    if (op == uapi::io_op::need_get_data) return give_data(d.queues[io.q_id].slots[io.tag], c, io);
    return -EINVAL;
}

std::optional<int> ublk_core::fetch(ublk_device& d, uring_command& c, const uapi::io_cmd& io) {
    d.mutex.lock();
    rules::call& facts = fill_io(d, c, io);
    facts.stopping = d.stopping;
    facts.all_fetched = d.all_fetched();
    facts.queue_fetched = io.q_id < d.queues.size() && d.queues[io.q_id].all_fetched();
    const rules::row* row = contract.first_broken(rules::subject::fetch_req, facts);
    std::optional<int> result;
    if (row != nullptr && row->what == rules::effect::blocks) {
        d.lost.push_back(&c);
        log().add("queue {} tag {}: a FETCH is lost", io.q_id, io.tag);
    } else if (row != nullptr) {
        result = -row->code(facts);
        log().add("queue {} tag {}: FETCH is refused, {}", io.q_id, io.tag,
                  static_cast<std::uint64_t>(row->code(facts)));
    } else {
        slot& s = d.queues[io.q_id].slots[io.tag];
        s.address = io.addr;
        wait_with(s, c);
        mark_fetched(s, c);
    }
    d.mutex.unlock();
    return result;
}

// The command stays in the slot, and the slot may be handed requests.
void ublk_core::wait_with(slot& s, uring_command& c) {
    s.command = &c;
    s.word = c.address;
    s.active = true;
    s.owned = s.wants_data = s.cancelled = false;
    c.slot = &s;
    c.q_id = s.home->id;
    c.tag = s.tag;
    scribble(s);
}

void ublk_core::mark_fetched(slot& s, uring_command& c) {
    ublk_queue& q = *s.home;
    ublk_device& d = *q.home;
    s.owner = c.who;
    q.fetched += 1;
    log().add("device {} queue {} tag {}: fetched by thread {}", d.id, q.id, s.tag, c.who);
    if (!c.caller->who().admin) d.unprivileged_fetcher = true;
    if (!q.all_fetched()) return;
    q.daemon = at_least(6, 16) ? 0 : c.who;
    // The device's flags begin anew with a complete round, but not where that is done by
    // START_USER_RECOVERY and END_USER_RECOVERY.
    const bool takes_requests_again = !d.batch() || at_least(7, 3);
    if (at_least(7, 0) && !d.cancelled_in_round) {
        q.cancelling = q.fail_io = false;
        if (takes_requests_again) q.force_abort = false;
    }
    if (!d.all_fetched()) return;
    d.ready_once = true;
    if (at_least(6, 15) && !d.cancelled_in_round) {
        for (ublk_queue& each : d.queues) {
            each.cancelling = each.fail_io = false;
            if (takes_requests_again) each.force_abort = false;
        }
        d.cancelling = false;
    }
    log().add("device {}: all is fetched", d.id);
    changed(d);
}

void ublk_core::forget_fetched(slot& s) {
    s.owner = 0;
    s.active = false;
    s.home->fetched -= 1;
}

std::optional<int> ublk_core::commit(slot& s, uring_command& c, const uapi::io_cmd& io) {
    ublk_device& d = *s.home->home;
    block_request* r = s.request;
    take_result(s, io.result, io.addr, c.home);
    s.address = io.addr;
    // The slot waits again before the request ends: its tag may come back at once.
    wait_with(s, c);
    if (r != nullptr && r->committed && r->references == 0) finish(d, *r);
    if (d.watchers != 0) changed(d);
    return std::nullopt;
}

// The result, and with it the data of a read where the driver copies.
void ublk_core::take_result(slot& s, std::int32_t result, std::uint64_t address, const ring* from) {
    block_request* r = s.request;
    const bool copies = r != nullptr && s.home->home->copies() && r->op == uapi::op::read &&
                        !r->in_place && result > 0;
    if (!copies) return answer(s, result, from);
    const std::uint64_t all = bytes_of(*r);
    const auto said = static_cast<std::uint64_t>(result);
    if (said != all) accuse(s, "a read is committed with another result than its length", result);
    const std::size_t copied = copy_from_server(r->data, address, std::min(said, all));
    s.used_bytes = static_cast<std::uint32_t>(copied);
    s.used_address = address;
    answer(s, copied == 0 ? -EIO : static_cast<std::int32_t>(copied), from);
}

// What the server says of the request in its hands, which it gives back by that.
void ublk_core::answer(slot& s, std::int32_t result, const ring* from) {
    block_request* r = s.request;
    ublk_device& d = *s.home->home;
    if (r == nullptr) return;  // its server was thought to be gone
    log().add("queue {} tag {}: commit of op {}, result {}", s.home->id, s.tag,
              static_cast<std::uint64_t>(r->op),
              static_cast<std::uint64_t>(static_cast<std::int64_t>(result)));
    const bool moves = r->op == uapi::op::read || r->op == uapi::op::write;
    const auto all = static_cast<std::int64_t>(bytes_of(*r));
    const bool copied = r->op == uapi::op::read && d.copies() && !r->in_place && result > 0;
    if (moves && result >= 0 && result != all && !copied) {
        accuse(s, "a read or write is committed with another result than its length", result);
    } else if (r->op == uapi::op::flush && result > 0) {
        accuse(s, "a flush is committed with a length", result);
    }
    r->result = result;
    r->committed = true;
    forget_request(s);
    if (s.auto_registered && s.registered_in == from) {
        auto& buffers = const_cast<ring*>(from)->buffers;
        const std::uint16_t index = s.registered_at;
        if (index < buffers.size() && buffers[index].owner == r) {
            buffers[index] = {};
            r->references -= 1;
        }
    }
    s.auto_registered = false;
}

// A reference to the data of a request is gone.
void ublk_core::put_request(block_request& r) {
    r.references -= 1;
    if (r.references != 0) return;
    ublk_device& d = blocks().device_of(r);
    if (r.committed) finish(d, r);
    changed(d);
}

void ublk_core::finish(ublk_device& d, block_request& r) {
    d.started -= 1;
    r.committed = false;
    if (d.watchers != 0) changed(d);
    using kind = rules::outcome::kind;
    const rules::outcome o = rules::outcome_of(version, r.op, d.copies(), bytes_of(r), r.result);
    if (o.what == kind::failure) return blocks().fail(r, -o.error);
    blocks().complete(r, static_cast<std::int64_t>(o.bytes), o.what == kind::success);
}

void ublk_core::accuse(const slot& s, const char* what, std::int64_t number) {
    home.accuse(fmt::format("device {} queue {} tag {}: {} ({})", s.home->home->id, s.home->id,
                            s.tag, what, number));
}

}  // namespace ashlar::twin
