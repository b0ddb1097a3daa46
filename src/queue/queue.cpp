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

namespace ashlar::queue {

namespace {

// Room for the frames of one request's coroutines; a handler with a few locals takes some hundreds.
constexpr std::uint32_t frame_bytes_per_tag = 2048;

// How long tags that come back at the end of a round may take.
constexpr std::uint64_t drain_ns = 100'000'000;

// Entries that batches need at a time, whatever the depth; their completions come in one turn, at
// worst, with all buffers of tags.
constexpr unsigned batch_commands = 15;

}  // namespace

queue::access queue::access_of(lane way, const target& t) {
    if (kernel_copies(way)) return access::buffer;
    if (way == lane::in_place) return access::in_place;
    if (t.table().streams) return access::direct;
    const bool zero_copy = way == lane::zero_copy || way == lane::zero_copy_manual;
    return zero_copy && t.passes_data() ? access::registered : access::own_buffer;
}

result<std::unique_ptr<queue>> queue::open(const queue_spec& spec, target served, counters& c) {
    std::unique_ptr<queue> q(new queue(spec, std::move(served), c));
    ASHLAR_CHECK(q->set_up());
    return q;
}

queue::queue(const queue_spec& spec, target served, counters& c)
    : spec_(spec),
      target_(std::move(served)),
      counters_(c),
      access_(access_of(spec.lane, target_)) {
    const bool frames = target_.table().asynchronous;
    if (frames) frame_memory_.reset(new std::byte[spec.depth * std::size_t{frame_bytes_per_tag}]);
    slots_.reset(new slot[spec.depth]);
    for (std::uint16_t tag = 0; tag < spec.depth; ++tag) {
        slot& s = slots_[tag];
        s.home = this;
        s.tag = tag;
        s.join(*this);
        if (frames) {
            s.frames = frame_arena(frame_memory_.get() + tag * std::size_t{frame_bytes_per_tag},
                                   frame_bytes_per_tag);
        }
    }
    postponed_.reserve(spec.depth);
    kept_.reserve(spec.depth);
}

queue::~queue() {
    // Handlers that never ended, and their operations on the ring: end the ring first.
    ring_.reset();
    for (unsigned tag = 0; tag < spec_.depth; ++tag) {
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
    ASHLAR_CHECK(set_up_ring());
    return set_up_lane();
}

result<> queue::set_up_ring() {
    os::machine& m = *spec_.machine;
    // Room for the commands, one operation of each tag, and the wake-up.
    const unsigned by_hand = spec_.lane == lane::zero_copy_manual ? 2U * spec_.depth : 0;
    const unsigned commands = by_hand + (spec_.in_batches ? batch_commands : spec_.depth);
    const unsigned operations = target_.table().asynchronous ? spec_.depth : 0;
    ASHLAR_TRY(ring_, os::ring::open(m, {.entries = std::bit_ceil(commands + operations + 1),
                                         .single_issuer = true}));
    int files[] = {spec_.char_fd};
    const int registered = m.ring_register(ring_->raw(), IORING_REGISTER_FILES, files, 1);
    if (registered >= 0) return {};
    return failure({.operation = "io_uring_register", .object = "files", .code = -registered});
}

// Buffers, of memory or in the ring's table, and what batches need.
result<> queue::set_up_lane() {
    os::machine& m = *spec_.machine;
    if (access_ != access::direct) {
        ASHLAR_TRY(buffers_, buffers::open(m, spec_.depth, spec_.max_io));
    }
    if (spec_.lane == lane::zero_copy || spec_.lane == lane::zero_copy_manual) {
        io_uring_rsrc_register table{};
        table.nr = spec_.depth;
        table.flags = IORING_RSRC_REGISTER_SPARSE;
        const int made =
            m.ring_register(ring_->raw(), IORING_REGISTER_BUFFERS2, &table, sizeof table);
        if (made < 0) {
            return failure({.operation = "io_uring_register", .object = "buffers", .code = -made});
        }
    }
    if (!spec_.in_batches) return {};
    ASHLAR_TRY(batches_, batch::open(m, *ring_,
                                     {.queue = spec_.id,
                                      .depth = spec_.depth,
                                      .with_address = kernel_copies(spec_.lane),
                                      .with_fallback = spec_.lane == lane::zero_copy,
                                      .file = char_file}));
    return {};
}

result<> queue::fetch_all() {
    fetching_ = true;
    arm_wakeup();
    ASHLAR_CHECK(spec_.in_batches ? fetch_in_batches() : fetch_by_tag());
    fetching_ = false;
    if (fetch_refusal_ == 0) return {};
    return failure(explain_fetch(spec_, buffer_address(slots_[0]), fetch_refusal_));
}

result<> queue::fetch_by_tag() {
    for (unsigned tag = 0; tag < spec_.depth; ++tag) {
        command(slots_[tag], uapi::io_op::fetch_req, 0, buffer_address(slots_[tag]));
    }
    // An accepted FETCH has no completion of its own: what completes now was refused.
    return submit_all();
}

// Puts down what is prepared, and handles what has completed by then.
result<> queue::submit_all() {
    while (io_uring_sq_ready(&ring_->raw()) != 0) {
        const int entered = ring_->enter(0, os::no_timeout);
        if (entered < 0 && entered != -EAGAIN) {
            return failure({.operation = "io_uring_enter",
                            .object = fmt::format("queue {} of device {}", spec_.id, spec_.device),
                            .code = -entered});
        }
    }
    ring_->take([this](std::uint64_t user_data, int outcome, unsigned flags) {
        completed(user_data, outcome, flags);
    });
    return {};
}

bool queue::turn() {
    if (over()) return false;
    if (fetch_again_) [[unlikely]]
        fetch_batch();
    tell_latency();
    // The completion of the answers' own command is no news: wait for one more.
    const bool more = send_answers() && fetch_under_way_ && !leaving_;
    // An answer that met the end of the round on its way never comes back.
    const bool draining = round_over_ && with_target_ == 0;
    const int entered = ring_->enter(more ? 2 : 1, draining ? drain_ns : os::no_timeout);
    if (draining && entered == -ETIME && !ring_->has_completions()) leaving_ = true;
    if (entered < 0 && entered != -EAGAIN && entered != -EBUSY && entered != -EINTR &&
        entered != -ETIME) {
        log(level::error, fmt::format("device {}: queue {}: io_uring_enter: {}", spec_.device,
                                      spec_.id, errno_text(-entered)));
        return false;
    }
    batch_ = 0;
    turn_began_ns_ = spec_.machine->now_ns();
    const unsigned taken =
        ring_->take([this](std::uint64_t user_data, int outcome, unsigned flags) {
            completed(user_data, outcome, flags);
        });
    if (!postponed_.empty()) [[unlikely]] {
        std::vector<ring_operation*> again;
        again.swap(postponed_);
        for (ring_operation* operation : again) submit(*operation);
    }
    if (taken != 0) counters_.turns.add(1);
    counters_.completions.add(taken);
    counters_.enters.set(ring_->enters());
    counters_.largest_batch.raise_to(batch_);
    counters_.frames_on_heap.set(frames_from_heap());
    if (!over()) return true;
    // The last answers of a round.
    if (io_uring_sq_ready(&ring_->raw()) != 0) ring_->enter(0, os::no_timeout);
    return false;
}

void queue::command(slot& s, uapi::io_op op, std::int32_t outcome, std::uint64_t address) {
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) [[unlikely]] {
        // The ring has room for all tags: this is a kernel that takes no entries any more.
        note(s, EBUSY, "the ring takes no commands");
        s.with = slot::owner::nobody;
        return;
    }
    entry->opcode = IORING_OP_URING_CMD;
    entry->flags = IOSQE_FIXED_FILE;
    entry->fd = char_file;
    entry->cmd_op = spec_.raw_commands ? uapi::raw(op) : uapi::encoded(op);
    entry->user_data = std::uint64_t{s.tag} << 3 | kind_tag;
    if (spec_.lane == lane::zero_copy) {
        // Where the next request's data is to be registered.
        entry->addr = uapi::sqe_addr({.index = s.tag, .flags = uapi::auto_buf_reg_fallback});
    }
    const uapi::io_cmd payload{.q_id = spec_.id, .tag = s.tag, .result = outcome, .addr = address};
    std::memcpy(entry->cmd, &payload, sizeof payload);
    s.with = slot::owner::kernel;
    s.awaited = !round_over_;
    if (s.awaited) with_kernel_ += 1;
}

// What a command says of the tag's buffer, for the data of writes to come.
std::uint64_t queue::buffer_address(const slot& s) const {
    return kernel_copies(spec_.lane) ? buffers_.address(s.tag) : 0;
}

void queue::completed(std::uint64_t user_data, int outcome, unsigned flags) {
    switch (user_data & kind_mask) {
        case kind_tag: return tag_completed(slots_[user_data >> 3], outcome);
        case kind_fetch: return batch_arrived(outcome, flags);
        case kind_commit: return batch_committed(outcome);
        case kind_register: return;  // refused: who uses the data meets EFAULT
        case kind_prepare:
            with_kernel_ -= 1;
            prepared_ = true;
            if (outcome < 0) fetch_refusal_ = -outcome;
            return;
        case kind_operation: {
            auto& operation = *std::bit_cast<ring_operation*>(user_data);
            auto waiter = ring_io::completed(operation, outcome);
            if (!waiter) return submit(operation);
            arena_in_use arena(static_cast<frame_arena*>(ring_io::memory_of(operation)));
            return waiter.resume();
        }
        default: return woken(outcome);
    }
}

void queue::woken(int outcome) {
    const bool is_word = outcome > 0 && wakeup_value_ >= heed_unit;
    const bool is_end = !is_word || wakeup_value_ % heed_unit != 0;
    if (is_word) word_ = true;
    if (is_end) {
        ended_ = leaving_;
        leaving_ = true;
    }
    if (!ended_) arm_wakeup();
}

bool queue::hold() {
    holding_ = true;
    if (with_target_ != kept_.size()) return false;
    send_answers();
    if (io_uring_sq_ready(&ring_->raw()) != 0) ring_->enter(0, os::no_timeout);
    // An answer may lie in the target's memory until the kernel has it.
    return io_uring_sq_ready(&ring_->raw()) == 0;
}

void queue::go_on(std::uint64_t size) {
    word_ = holding_ = false;
    spec_.size = size;
    for (slot* s : kept_) begin(*s);
    kept_.clear();
}

void queue::tag_completed(slot& s, int outcome) {
    if (s.awaited) with_kernel_ -= 1;
    s.with = slot::owner::nobody;
    if (outcome == uapi::io_res_ok) [[likely]] {
        return arrived(s);
    }
    if (outcome == uapi::io_res_need_get_data) return data_wanted(s);
    if (s.asked) [[unlikely]]
        data_refused(s, -outcome);
    if (outcome == uapi::io_res_abort) {
        round_over_ = true;
        return;
    }
    if (fetching_) {
        fetch_refusal_ = -outcome;
        return;
    }
    answer_again(s, -outcome);
}

// No answer may be lost: it is given once more, as an error.
void queue::answer_again(slot& s, int refusal) {
    note(s, refusal, "the kernel refused the answer");
    if (s.refused) return;
    s.refused = true;
    send(s, -EIO);
}

void queue::commit(slot& s, std::int32_t outcome) {
    with_target_ -= 1;
    // Two looks at the clock a turn are all that it costs: what is answered in the turn in which it
    // came is counted when the answers go.
    counter& since = counters_.since[s.tag];
    if (since.get() == (turn_began_ns_ | 1)) answered_ += 1;
    else counters_.answered(turn_began_ns_ - since.get(), 1);
    since.set(0);
    send(s, outcome);
}

void queue::tell_latency() {
    if (answered_ == 0) return;
    counters_.answered(spec_.machine->now_ns() - turn_began_ns_, answered_);
    answered_ = 0;
}

void queue::send(slot& s, std::int32_t outcome) {
    if (s.registered_by_hand) unregister_data(s);
    if (!spec_.in_batches) {
        return command(s, uapi::io_op::commit_and_fetch_req, outcome, answer_address(s));
    }
    s.with = slot::owner::kernel;
    batches_->add(s.tag, outcome, buffer_address(s));
}

void queue::submit(ring_operation& operation) {
    // Goes on with the same memory when its coroutine is resumed, from a later turn.
    if (memory_of(operation) == nullptr) memory_of(operation) = arena_in_use::current();
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) {
        postponed_.push_back(&operation);
        return;
    }
    ring_io::fill(operation, entry);
    entry->user_data = std::bit_cast<std::uint64_t>(&operation) | kind_operation;
}

void queue::arm_wakeup() {
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) return;
    io_uring_prep_read(entry, spec_.wakeup_fd, &wakeup_value_, sizeof wakeup_value_, 0);
    entry->user_data = kind_wakeup;
}

}  // namespace ashlar::queue
