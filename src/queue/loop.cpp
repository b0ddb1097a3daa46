// SPDX-License-Identifier: MIT
#include "queue/loop.hpp"

#include "base/try.hpp"
#include "queue/ring_uses.hpp"
#include "queue/slot.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <mutex>

namespace ashlar::queue {

namespace {

// The most that a ring's table of buffers can have.
constexpr unsigned places_max = 16384;

}  // namespace

result<std::unique_ptr<loop>> loop::make(os::machine& m, bool shared, std::uint64_t spin_ns) {
    std::unique_ptr<loop> made(new loop(m, shared, spin_ns));
    ASHLAR_TRY(made->wakeup_fd_, m.wakeup_open());
    return made;
}

loop::~loop() {
    ring_.reset();
    if (wakeup_fd_ >= 0) machine_.close(wakeup_fd_);
}

result<> loop::open(unsigned entries) {
    ASHLAR_TRY(ring_, os::ring::open(machine_, {.entries = std::bit_ceil(entries),
                                                .single_issuer = true,
                                                .spins = spin_ns_ != 0,
                                                .uses = &ring_uses}));
    arm_wakeup();
    return {};
}

void loop::post(std::function<void()> word) {
    {
        std::lock_guard lock(*words_lock_);
        words_.push_back(std::move(word));
    }
    machine_.wakeup_signal(wakeup_fd_, 1);
}

void loop::hear() {
    woken_ = false;
    std::vector<std::function<void()>> words;
    {
        std::lock_guard lock(*words_lock_);
        words.swap(words_);
    }
    for (const auto& word : words) word();
}

void loop::arm_wakeup() {
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) return;
    io_uring_prep_read(entry, wakeup_fd_, &wakeup_value_, sizeof wakeup_value_, 0);
    entry->user_data = kind_wakeup;
}

unsigned loop::join(queue& q) {
    const auto free = std::ranges::find(queues_, nullptr);
    const auto number = static_cast<unsigned>(free - queues_.begin());
    if (free == queues_.end()) queues_.push_back(nullptr);
    // What is done in a turn allocates nothing.
    active_.reserve(queues_.size());
    ended_.reserve(queues_.size());
    queues_[number] = &q;
    joined_ += 1;
    return number;
}

void loop::leave(queue& q, std::uint64_t number) {
    queues_[number] = nullptr;
    std::erase(active_, &q);
    if (draining_ == &q) draining_ = nullptr;
    joined_ -= 1;
}

result<> loop::submit_all() {
    while (io_uring_sq_ready(&ring_->raw()) != 0) {
        const int entered = ring_->enter(0, os::no_timeout);
        if (entered == -EBUSY) take();
        else if (entered < 0 && entered != -EAGAIN) {
            return failure({.operation = "io_uring_enter", .object = {}, .code = -entered});
        }
    }
    take();
    return {};
}

void loop::flush() {
    if (io_uring_sq_ready(&ring_->raw()) != 0) ring_->enter(0, os::no_timeout);
}

// A kernel's table has one size for ever: of one queue it is made as large as that needs.
result<unsigned> loop::take_places(unsigned count) {
    if (places_.empty()) {
        const unsigned size = shared_ ? places_max : count;
        io_uring_rsrc_register table{};
        table.nr = size;
        table.flags = IORING_RSRC_REGISTER_SPARSE;
        const int made =
            machine_.ring_register(ring_->raw(), IORING_REGISTER_BUFFERS2, &table, sizeof table);
        if (made < 0) {
            return failure({.operation = "io_uring_register", .object = "buffers", .code = -made});
        }
        places_.assign(size, false);
    }
    const auto room = std::ranges::search_n(places_, count, false);
    if (room.empty()) {
        return failure({.operation = "io_uring_register",
                        .object = "buffers",
                        .code = ENOSPC,
                        .why = "the tags of all devices that this thread serves by zero copy are "
                               "more than a ring's table of 16384 buffers",
                        .remedy = "use more threads, a smaller depth, or another lane"});
    }
    std::fill(room.begin(), room.end(), true);
    return static_cast<unsigned>(room.begin() - places_.begin());
}

void loop::give_back_places(unsigned first, unsigned count) {
    std::fill_n(places_.begin() + first, count, false);
}

}  // namespace ashlar::queue
