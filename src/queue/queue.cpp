// SPDX-License-Identifier: MIT
#include "queue/queue.hpp"

#include "base/try.hpp"
#include "queue/refusal.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace ashlar::queue {

namespace {

// Room for the frames of one request's coroutines; a handler with a few locals takes some hundreds.
constexpr std::uint32_t frame_bytes_per_tag = 2048;

// user_data: a tag's command and the wake-up are marked in the low bits; all else is the address of
// a ring_operation, whose low bits are zero.
constexpr std::uint64_t kind_mask = 7;
constexpr std::uint64_t kind_operation = 0;
constexpr std::uint64_t kind_tag = 1;
constexpr std::uint64_t kind_wakeup = 2;
static_assert(alignof(ring_operation) >= 8);

constexpr int char_file = 0;  // its index among the ring's registered files

}  // namespace

struct queue::slot final : request {
    enum class owner : std::uint8_t { nobody, kernel, target };

    queue* home = nullptr;
    frame_arena frames;
    std::uint16_t tag = 0;
    owner with = owner::nobody;
    bool flush_follows = false;  // a write with FUA, before a volatile cache is flushed for it
    bool flushing = false;       // … while that flush runs
    bool refused = false;        // the kernel did not take the answer
    bool awaited = false;        // counted among those with the kernel

    void set(operation op, const uapi::io_desc& d, std::span<std::byte> data) {
        op_ = op;
        offset_ = d.start_sector * uapi::sector_bytes;
        length_ = std::uint64_t{d.nr_sectors} * uapi::sector_bytes;
        data_ = data.data();
        data_bytes_ = data.size();
        keep_allocated_ = (d.op_flags & uapi::io_f_nounmap) != 0;
    }
    void make_flush() { op_ = operation::flush; }
    void join(ring_io& ring) { ring_ = &ring; }
};

result<std::unique_ptr<queue>> queue::open(const queue_spec& spec, target served, counters& c) {
    ASHLAR_TRY(auto lane, plain_copy::open(*spec.machine, spec.depth, spec.max_io));
    std::unique_ptr<queue> q(new queue(spec, std::move(served), c, std::move(lane)));
    ASHLAR_CHECK(q->set_up());
    return q;
}

queue::queue(const queue_spec& spec, target served, counters& c, plain_copy lane)
    : spec_(spec), target_(std::move(served)), counters_(c), lane_(std::move(lane)) {
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
    // Room for every tag's command and one operation of each, and for the wake-up.
    const unsigned entries =
        std::bit_ceil(unsigned{spec_.depth} * (target_.table().asynchronous ? 2U : 1U) + 1U);
    ASHLAR_TRY(ring_, os::ring::open(m, {.entries = entries, .single_issuer = true}));
    int files[] = {spec_.char_fd};
    const int registered = m.ring_register(ring_->raw(), IORING_REGISTER_FILES, files, 1);
    if (registered >= 0) return {};
    return failure({.operation = "io_uring_register", .object = "files", .code = -registered});
}

result<> queue::fetch_all() {
    fetching_ = true;
    arm_wakeup();
    for (unsigned tag = 0; tag < spec_.depth; ++tag) {
        command(slots_[tag], uapi::io_op::fetch_req, 0);
    }
    // An accepted FETCH has no completion of its own: what completes now was refused.
    while (io_uring_sq_ready(&ring_->raw()) != 0) {
        const int entered = ring_->enter(0, os::no_timeout);
        if (entered < 0 && entered != -EAGAIN) {
            return failure({.operation = "io_uring_enter",
                            .object = fmt::format("queue {} of device {}", spec_.id, spec_.device),
                            .code = -entered});
        }
    }
    ring_->take(
        [this](std::uint64_t user_data, int outcome, unsigned) { completed(user_data, outcome); });
    fetching_ = false;
    if (fetch_refusal_ != 0) {
        return failure(explain_fetch(spec_, lane_.command_address(0), fetch_refusal_));
    }
    return {};
}

bool queue::turn() {
    if (over()) return false;
    const int entered = ring_->enter(1, os::no_timeout);
    if (entered < 0 && entered != -EAGAIN && entered != -EBUSY && entered != -EINTR) {
        log(level::error, fmt::format("device {}: queue {}: io_uring_enter: {}", spec_.device,
                                      spec_.id, errno_text(-entered)));
        return false;
    }
    batch_ = 0;
    const unsigned taken = ring_->take(
        [this](std::uint64_t user_data, int outcome, unsigned) { completed(user_data, outcome); });
    if (!postponed_.empty()) [[unlikely]] {
        std::vector<ring_operation*> again;
        again.swap(postponed_);
        for (ring_operation* operation : again) submit(*operation);
    }
    if (taken != 0) counters_.turns.add(1);
    counters_.enters.set(ring_->enters());
    counters_.largest_batch.raise_to(batch_);
    counters_.frames_on_heap.set(frames_from_heap());
    if (!over()) return true;
    // The last answers of a round.
    if (io_uring_sq_ready(&ring_->raw()) != 0) ring_->enter(0, os::no_timeout);
    return false;
}

void queue::command(slot& s, uapi::io_op op, std::int32_t outcome) {
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
    const uapi::io_cmd payload{
        .q_id = spec_.id, .tag = s.tag, .result = outcome, .addr = lane_.command_address(s.tag)};
    std::memcpy(entry->cmd, &payload, sizeof payload);
    s.with = slot::owner::kernel;
    s.awaited = !round_over_;
    if (s.awaited) with_kernel_ += 1;
}

void queue::completed(std::uint64_t user_data, int outcome) {
    switch (user_data & kind_mask) {
        case kind_tag: return tag_completed(slots_[user_data >> 3], outcome);
        case kind_operation: {
            auto& operation = *std::bit_cast<ring_operation*>(user_data);
            auto waiter = ring_io::completed(operation, outcome);
            if (!waiter) return submit(operation);
            arena_in_use arena(static_cast<frame_arena*>(ring_io::memory_of(operation)));
            return waiter.resume();
        }
        default:
            ended_ = leaving_;
            leaving_ = true;
            if (!ended_) arm_wakeup();
    }
}

void queue::tag_completed(slot& s, int outcome) {
    if (s.awaited) with_kernel_ -= 1;
    s.with = slot::owner::nobody;
    if (outcome == uapi::io_res_ok) [[likely]] {
        return start(s);
    }
    if (outcome == uapi::io_res_abort) {
        round_over_ = true;
        return;
    }
    if (fetching_) {
        fetch_refusal_ = -outcome;
        return;
    }
    // No answer may be lost: it is given once more, as an error.
    note(s, -outcome, "the kernel refused the answer");
    if (!s.refused) command(s, uapi::io_op::commit_and_fetch_req, -EIO);
    s.refused = true;
}

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

void queue::start(slot& s) {
    // The kernel writes descriptors in shared memory: what was checked must be what is used.
    const uapi::io_desc d = descriptors_[s.tag];
    batch_ += 1;
    with_target_ += 1;
    s.with = slot::owner::target;
    operation op = operation::flush;
    const std::optional<int> refused = refusal(d, op);
    if (refused) [[unlikely]] {
        s.set(op, d, {});
        note(s, *refused,
             fmt::format("the kernel sent an unknown or impossible request (op {})",
                         d.op_flags & 0xff));
        counters_.failed.add(1);
        return commit(s, -*refused);
    }
    const bool data = op == operation::read || op == operation::write;
    s.set(op, d,
          data ? lane_.data(s.tag, d.nr_sectors * std::size_t{uapi::sector_bytes})
               : std::span<std::byte>());
    s.flushing = s.refused = false;
    s.flush_follows =
        op == operation::write && spec_.flush_after_fua && (d.op_flags & uapi::io_f_fua) != 0;
    counters_.by_operation[static_cast<unsigned>(op)].add(1);
    if (target_.table().asynchronous) {
        arena_in_use arena(&s.frames);
        target_.start(s);
    } else {
        target_.start(s);
    }
}

void queue::answer(slot& s, std::error_code failed, std::string_view why) {
    if (s.with != slot::owner::target) [[unlikely]] {
        note(s, EINVAL, "a request was answered twice; the second answer is dropped");
        return;
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
        arena_in_use arena(&s.frames);
        return target_.start(s);
    }
    std::int32_t outcome = 0;
    if (s.op() == operation::read) {
        outcome = static_cast<std::int32_t>(s.length());
        counters_.bytes_read.add(s.length());
    } else if (s.op() == operation::write || s.flushing) {
        outcome = static_cast<std::int32_t>(s.length());
        counters_.bytes_written.add(s.length());
    }
    commit(s, outcome);
}

void queue::commit(slot& s, std::int32_t outcome) {
    with_target_ -= 1;
    command(s, uapi::io_op::commit_and_fetch_req, outcome);
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
    log(level::error, fmt::format("device {}: queue {}: tag {}: {} of {} bytes at {}: {}: {} ({})",
                                  spec_.device, spec_.id, s.tag, name(s.op()), s.length(),
                                  s.offset(), what, errno_text(code), errno_name(code)));
}

}  // namespace ashlar::queue

namespace ashlar::detail {

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
