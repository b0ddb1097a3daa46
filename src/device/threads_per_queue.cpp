// SPDX-License-Identifier: MIT
// Several threads for one queue: its tags are divided among them, as the kernel lets each tag
// belong to the thread that fetched it (UBLK_F_PER_IO_DAEMON).
#include "device/threads.hpp"
#include "uapi/ublk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace ashlar {

void queue_counters::merge(const queue_counters& other) noexcept {
    requests += other.requests;
    reads += other.reads;
    writes += other.writes;
    flushes += other.flushes;
    discards += other.discards;
    zeroes += other.zeroes;
    bytes_read += other.bytes_read;
    bytes_written += other.bytes_written;
    bytes_copied += other.bytes_copied;
    failed += other.failed;
    turns += other.turns;
    enters += other.enters;
    largest_batch = std::max(largest_batch, other.largest_batch);
    frames_on_heap += other.frames_on_heap;
    completions += other.completions;
    in_hand += other.in_hand;
    longest_ns = std::max(longest_ns, other.longest_ns);
    latency.merge(other.latency);
}

namespace device_room {

namespace {

constexpr unsigned threads_max = 64;

}  // namespace

result<> check_threads_per_queue(const options& wanted, unsigned depth, std::uint64_t features,
                                 const os::kernel_version& kernel) {
    const unsigned threads = wanted.threads_per_queue;
    if (threads == 1) return {};
    const auto refused = [&](int code, std::string why, std::string remedy) {
        return failure({.operation = "threads per queue",
                        .object = std::to_string(threads),
                        .code = code,
                        .why = std::move(why),
                        .remedy = std::move(remedy),
                        .usage = true});
    };
    const unsigned most = std::min(threads_max, depth);
    if (threads == 0 || threads > most) {
        return refused(0, fmt::format("a queue of depth {} has 1 to {}", depth, most),
                       "choose one of these");
    }
    if ((features & uapi::f_per_io_daemon) == 0) {
        return refused(EOPNOTSUPP,
                       fmt::format("Linux {} wants all tags of a queue from one thread (rule IO-6; "
                                   "several came with 6.16)",
                                   kernel.text),
                       "use more --queues, or a newer kernel");
    }
    if (wanted.delivery == delivery::in_batches) {
        return refused(EOPNOTSUPP, "a device with batches has one thread for a queue here",
                       "use --delivery auto");
    }
    return {};
}

}  // namespace device_room

}  // namespace ashlar
