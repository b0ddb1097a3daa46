// SPDX-License-Identifier: MIT
// A queue's counters: its thread writes them, any thread reads them. No increment is a locked one.
#pragma once

#include <ashlar/serve.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace ashlar::queue {

class counter {
public:
    void add(std::uint64_t n) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void raise_to(std::uint64_t n) noexcept {
        if (n > value_.load(std::memory_order_relaxed)) set(n);
    }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

private:
    std::atomic<std::uint64_t> value_ = 0;
};

// On cache lines of its own, as each belongs to another thread.
struct alignas(64) counters {
    counter by_operation[5];  // indexed by ashlar::operation
    counter bytes_read, bytes_written, bytes_copied, failed, turns, enters, largest_batch,
        frames_on_heap, completions;
    counter was_full;  // 1 if all tags may have been with the server when a request came last
    counter latency[latency_histogram::buckets];
    std::vector<counter> since;  // by tag: when its request came, 0 if there is none

    // Before the queue's thread begins.
    void make_room(unsigned depth) { since = std::vector<counter>(depth); }
    void answered(std::uint64_t ns, std::uint64_t requests) noexcept {
        latency[latency_histogram::bucket_of(ns)].add(requests);
    }

    [[nodiscard]] bool any_in_hand() const {
        return std::ranges::any_of(since, [](const counter& came) { return came.get() != 0; });
    }
    [[nodiscard]] queue_counters snapshot(std::uint64_t now_ns) const {
        auto of = [this](operation op) { return by_operation[static_cast<unsigned>(op)].get(); };
        queue_counters c;
        c.reads = of(operation::read);
        c.writes = of(operation::write);
        c.flushes = of(operation::flush);
        c.discards = of(operation::discard);
        c.zeroes = of(operation::write_zeroes);
        c.requests = c.reads + c.writes + c.flushes + c.discards + c.zeroes;
        c.bytes_read = bytes_read.get();
        c.bytes_written = bytes_written.get();
        c.bytes_copied = bytes_copied.get();
        c.failed = failed.get();
        c.turns = turns.get();
        c.enters = enters.get();
        c.largest_batch = largest_batch.get();
        c.frames_on_heap = frames_on_heap.get();
        c.completions = completions.get();
        for (unsigned i = 0; i < latency_histogram::buckets; ++i) {
            c.latency.counts[i] = latency[i].get();
        }
        for (const counter& tag : since) {
            const std::uint64_t came = tag.get();
            if (came == 0) continue;
            c.in_hand += 1;
            if (now_ns > came) c.longest_ns = std::max(c.longest_ns, now_ns - came);
        }
        return c;
    }
};

}  // namespace ashlar::queue
