// SPDX-License-Identifier: MIT
#include "queue/queue.hpp"

#include "base/try.hpp"
#include "queue/refusal.hpp"
#include "queue/slot.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>

namespace ashlar::queue {

namespace {

// Room for the frames of one request's coroutines; a handler with a few locals takes some hundreds.
constexpr std::uint32_t frame_bytes_per_tag = 2048;

// Entries that batches need at a time, whatever the depth; their completions come in one turn, at
// worst, with all buffers of tags.
constexpr unsigned batch_commands = 15;

}  // namespace

queue::access queue::access_of(lane way, const target& t) {
    if (kernel_copies(way)) return access::buffer;
    if (way == lane::in_place) return access::in_place;
    if (t.table().streams) return access::direct;
    return is_zero_copy(way) && t.passes_data() ? access::registered : access::own_buffer;
}

unsigned queue::entries(const queue_spec& spec, const target& served) {
    // Room for the commands, one operation of each tag, and the wake-up.
    const unsigned by_hand = spec.lane == lane::zero_copy_manual ? 2U * spec.depth : 0;
    const unsigned commands = by_hand + (spec.in_batches ? batch_commands : spec.depth);
    const unsigned operations = served.table().asynchronous ? spec.depth : 0;
    return commands + operations + 1;
}

result<std::unique_ptr<queue>> queue::open(const queue_spec& spec, target served, counters& c,
                                           loop& thread, listener& who) {
    std::unique_ptr<queue> q(new queue(spec, std::move(served), c, thread, who));
    try {
        ASHLAR_CHECK(q->set_up());
    } catch (const std::bad_alloc&) {
        q->detach();
        throw;
    }
    return q;
}

queue::queue(const queue_spec& spec, target served, counters& c, loop& thread, listener& who)
    : spec_(spec),
      target_(std::move(served)),
      counters_(c),
      access_(access_of(spec.lane, target_)),
      loop_(thread),
      ring_(thread.ring()),
      listener_(who) {}

void queue::make_slot(std::uint16_t tag) {
    slot& s = *new (&slots_[tag]) slot;
    s.home = this;
    s.tag = tag;
    s.with = slot::owner::kernel;
    s.awaited = !spec_.in_batches;
    s.join(*this);
    if (frame_memory_.data() != nullptr) {
        s.frames = frame_arena(frame_memory_.data() + tag * std::size_t{frame_bytes_per_tag},
                               frame_bytes_per_tag);
    }
    made_[tag] = true;
}

queue::~queue() {
    // Those of handlers that never ended: their loop is gone.
    for (unsigned tag = 0; made_ && tag < spec_.depth; ++tag) {
        if (!made_[tag]) continue;
        if (auto frame = ashlar::detail::request_answer::take_frame(slots_[tag])) frame.destroy();
    }
    if (!mapping_.empty()) spec_.machine->unmap(mapping_);
}

result<> queue::set_up() {
    os::machine& m = *spec_.machine;
    const std::size_t page = m.page_bytes();
    const std::uint64_t stride = uapi::descriptor_stride(sizeof(uapi::io_desc), page);
    ASHLAR_TRY(mapping_, m.map(spec_.char_fd,
                               uapi::descriptor_map_bytes(spec_.depth, sizeof(uapi::io_desc), page),
                               spec_.id * stride));
    descriptors_ = reinterpret_cast<const uapi::io_desc*>(mapping_.data());
    made_ = std::make_unique<bool[]>(spec_.depth);
    ASHLAR_TRY(slot_memory_, reserved::take(m, spec_.depth * sizeof(slot)));
    slots_ = reinterpret_cast<slot*>(slot_memory_.data());
    if (target_.table().asynchronous) {
        ASHLAR_TRY(frame_memory_,
                   reserved::take(m, spec_.depth * std::size_t{frame_bytes_per_tag}));
    }
    ASHLAR_CHECK(set_up_file());
    name_ = std::uint64_t{loop_.join(*this)} << number_shift;
    joined_ = true;
    auto lane = set_up_lane();
    if (!lane) detach();
    return lane;
}

// A registered file spares the kernel a look-up for each command. Not in a ring of many devices: up
// to Linux 6.12 a file that is taken out of the table is let go only after all older commands of
// the ring.
result<> queue::set_up_file() {
    file_ = spec_.char_fd;
    if (loop_.shared()) return {};
    int files[] = {spec_.char_fd};
    const int registered =
        spec_.machine->ring_register(ring_.raw(), IORING_REGISTER_FILES, files, 1);
    if (registered < 0) {
        return failure({.operation = "io_uring_register", .object = "files", .code = -registered});
    }
    file_ = 0;
    file_flag_ = IOSQE_FIXED_FILE;
    return {};
}

// Buffers, of memory or in the ring's table, and what batches need.
result<> queue::set_up_lane() {
    os::machine& m = *spec_.machine;
    if (access_ != access::direct) {
        ASHLAR_TRY(buffers_, buffers::open(m, spec_.depth, spec_.max_io));
    }
    if (is_zero_copy(spec_.lane)) {
        ASHLAR_TRY(first_place_, loop_.take_places(spec_.depth));
        has_places_ = true;
    }
    if (!spec_.in_batches) return {};
    ASHLAR_TRY(batches_, batch::open(m, ring_,
                                     {.queue = spec_.id,
                                      .depth = spec_.depth,
                                      .with_address = kernel_copies(spec_.lane),
                                      .with_fallback = spec_.lane == lane::zero_copy,
                                      .group = static_cast<std::uint16_t>(name_ >> number_shift),
                                      .first_place = static_cast<std::uint16_t>(first_place_),
                                      .file = file_,
                                      .file_flag = file_flag_}));
    return {};
}

result<> queue::fetch_all() {
    fetching_ = true;
    ASHLAR_CHECK(spec_.in_batches ? fetch_in_batches() : fetch_by_tag());
    fetching_ = false;
    if (fetch_refusal_ == 0) return {};
    return failure(explain_fetch(spec_, buffer_address(0), fetch_refusal_));
}

result<> queue::fetch_by_tag() {
    for (unsigned n = spec_.part; n < spec_.depth; n += spec_.parts) {
        const auto tag = static_cast<std::uint16_t>(n);
        if (fill(tag, uapi::io_op::fetch_req, 0, buffer_address(tag))) with_kernel_ += 1;
    }
    // An accepted FETCH has no completion of its own: what completes now was refused.
    return loop_.submit_all();
}

// False if the kernel takes no entries any more.
bool queue::fill(std::uint16_t tag, uapi::io_op op, std::int32_t outcome, std::uint64_t address) {
    io_uring_sqe* entry = ring_.prepare();
    if (entry == nullptr) [[unlikely]]
        return false;
    entry->opcode = IORING_OP_URING_CMD;
    entry->flags = file_flag_;
    entry->fd = file_;
    entry->cmd_op = spec_.raw_commands ? uapi::raw(op) : uapi::encoded(op);
    entry->user_data = name_ | std::uint64_t{tag} << tag_shift | kind_tag;
    if (spec_.lane == lane::zero_copy) {
        // Where the next request's data is to be registered.
        entry->addr =
            uapi::sqe_addr({.index = place_in_table(tag), .flags = uapi::auto_buf_reg_fallback});
    }
    const uapi::io_cmd payload{.q_id = spec_.id, .tag = tag, .result = outcome, .addr = address};
    std::memcpy(entry->cmd, &payload, sizeof payload);
    return true;
}

void queue::command(slot& s, uapi::io_op op, std::int32_t outcome, std::uint64_t address) {
    if (!fill(s.tag, op, outcome, address)) [[unlikely]] {
        note(s, EBUSY, "the ring takes no commands");
        s.with = slot::owner::nobody;
        return;
    }
    s.with = slot::owner::kernel;
    s.awaited = !round_over_ || loop_.shared();
    if (s.awaited) with_kernel_ += 1;
}

void queue::leave() {
    loop_.mark(*this);
    if (loop_.shared()) return round_ends();
    ended_ = leaving_;
    leaving_ = true;
}

void queue::round_ends() {
    if (round_over_) return;
    round_over_ = true;
    if (!fetching_) listener_.queue_comes_back();
}

// Called by its loop. In a shared one nothing of it is left with the kernel.
void queue::end() {
    detach();
    listener_.queue_ended();
}

void queue::detach() {
    if (!joined_) return;
    joined_ = false;
    loop_.leave(*this, name_ >> number_shift);
    if (!loop_.shared()) return;
    if (batches_) batches_->let_go(ring_);
    if (has_places_) loop_.give_back_places(first_place_, spec_.depth);
}

// Whatever it still sends is refused.
void queue::abandon() {
    abandoned_ = true;
    loop_.abandon();
    file_ = -1;
    file_flag_ = 0;
    if (batches_) batches_->abandon();
}

void queue::hold() {
    kept_.reserve(spec_.depth);
    holding_ = true;
    held_ = false;
    loop_.mark(*this);
}

void queue::go_on(std::uint64_t size) {
    holding_ = held_ = false;
    spec_.size = size;
    loop_.mark(*this);
    for (slot* s : kept_) begin(*s);
    kept_.clear();
}

// No answer may be lost: it is given once more, as an error.
void queue::answer_again(slot& s, int refusal) {
    note(s, refusal, "the kernel refused the answer");
    if (s.refused) return;
    s.refused = true;
    send(s, -EIO);
}

void queue::tell_latency() {
    if (answered_ == 0) return;
    counters_.answered(spec_.machine->now_ns() - turn_began_ns_, answered_);
    answered_ = 0;
}

void queue::submit(ring_operation& operation) {
    // Goes on with the same memory when its coroutine is resumed, from a later turn.
    if (memory_of(operation) == nullptr) memory_of(operation) = arena_in_use::current();
    loop_.submit(operation);
}

}  // namespace ashlar::queue
