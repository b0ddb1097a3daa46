// SPDX-License-Identifier: MIT
// The twin: a Linux kernel in memory for tests of a target. No root, no module, no virtual machine;
// the same seed gives the same run.
//
//     ashlar::twin::machine m;
//     auto disk = m.serve(Ram{...});
//     disk->write(0, block);
//     disk->kill();                       // SIGKILL to its server
//
// A machine runs on the thread that made it, one step at a time, in an order that its seed chooses:
// it steps while one of its functions waits, and when it is told to. By default it is as rude as a
// kernel may be: short transfers, any order, odd batches, reads of its own at the start.
//
// Links with ashlar::twin (pkg-config ashlar-twin).
#pragma once

#include <ashlar/serve.hpp>
#include <ashlar/target.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace ashlar::twin {

// How often operations on a file fail, in parts of a million.
struct file_faults {
    std::uint32_t read_error = 0, write_error = 0, sync_error = 0;  // EIO
    std::uint32_t no_space = 0;                // ENOSPC, of writes and fallocate
    std::uint32_t again = 0, interrupted = 0;  // EAGAIN, EINTR
    std::uint32_t short_transfer = 0;
    bool odd_lengths = true;         // short ones end anywhere, not only between sectors
    std::uint64_t delay_max_ns = 0;  // of a completion
    // EOPNOTSUPP of fallocate: for a hole, for a range of zeros.
    bool no_holes = false, no_zero_ranges = false;
    // The end of a server does not wait for what it had under way: it may still happen, at any
    // later time (as with a disk on another machine).
    bool ghosts = false;
};

struct machine_options {
    std::string kernel = "7.3";  // 6.1, 6.5, 6.8, 6.12, 6.18, 7.0, 7.3
    std::uint64_t seed = 1;
    bool polite = false;  // whole transfers, everything in order, no reads of the kernel's own
};

// An operation on a served disk that is under way.
class pending {
public:
    [[nodiscard]] bool done() const;
    // Steps the machine until it is done. ETIMEDOUT if it never will be: nothing is left to do, or
    // it has taken an hour of the machine's time.
    std::error_code wait();
    // Of a read, once it is done.
    [[nodiscard]] std::span<const std::byte> data() const;

    struct inside;
    explicit pending(std::shared_ptr<inside> i) : inside_(std::move(i)) {}

private:
    std::shared_ptr<inside> inside_;
};

// A disk that a process of the machine serves. Positions and lengths are in bytes and whole blocks,
// as with O_DIRECT. Refers to its machine, which must live longer.
class served {
public:
    [[nodiscard]] std::uint32_t id() const;

    // Submit, and step the machine until it is done: what the user of the disk sees. ENXIO if there
    // is no such disk any more.
    std::error_code read(std::uint64_t at, std::span<std::byte> into);
    std::error_code write(std::uint64_t at, std::span<const std::byte> from);
    std::error_code write_fua(std::uint64_t at, std::span<const std::byte> from);
    std::error_code flush();
    std::error_code discard(std::uint64_t at, std::uint64_t bytes);
    std::error_code write_zeroes(std::uint64_t at, std::uint64_t bytes);
    // Submit only.
    pending begin_read(std::uint64_t at, std::uint64_t bytes);
    pending begin_write(std::uint64_t at, std::span<const std::byte> from);
    pending begin_flush();

    [[nodiscard]] bool alive() const;  // its server
    std::vector<queue_counters> counters() const;
    // SIGKILL: the server's memory is dropped, no destructor runs. The disk stays if it was made
    // with options::recovery.
    void kill();
    // A new server takes the disk over (see device::recover), as soon as the kernel lets it.
    result<> recover(target served_from_now_on);
    template <target_type T>
    result<> recover(T object) {
        return recover(target(std::move(object)));
    }
    // The server removes the disk and ends, as ashlar::device::stop does; `idle` waits until the
    // kernel's own first looks at the disk are over.
    result<> stop(stop_when when = stop_when::idle);

    struct inside;
    explicit served(std::shared_ptr<inside> i) : inside_(std::move(i)) {}

private:
    std::shared_ptr<inside> inside_;
};

class machine {
public:
    // An unknown kernel is an std::invalid_argument that names those that there are.
    explicit machine(machine_options wanted = {});
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;
    ~machine();

    // Makes a disk of the target, served by a new process. The target runs on this thread.
    result<served> serve(target object, options wanted = {});
    template <target_type T>
    result<served> serve(T object, options wanted = {}) {
        return serve(target(std::move(object)), std::move(wanted));
    }

    // A file of zeros with a volatile cache. The number is its descriptor in every process of the
    // machine, for targets that await I/O on it (ashlar::ring_io).
    int make_file(std::uint64_t bytes);
    file_faults& faults(int file);
    // What is read from it now, and what would be there after a power cut that loses all it may.
    [[nodiscard]] std::span<const std::byte> content(int file) const;
    [[nodiscard]] std::span<const std::byte> durable(int file) const;

    // Processes and devices are gone; files keep what was synced, and any part of the rest.
    void cut_power();
    // The n-th call from now on that can fail does, with this errno; or all from the n-th on.
    void fail_call(std::uint64_t n, int code, bool for_ever = false);

    // One step; false if there is nothing left to do. A server with a recovery always has: from
    // Linux 6.16 on it looks once a second whether somebody has quiesced its device.
    bool step();
    void run_for(std::chrono::nanoseconds machine_time);

    // What a server did that none may, though a kernel would not have told: a buffer touched that
    // was not its own, a request answered twice, something left open. Empty if all is well.
    [[nodiscard]] std::vector<std::string> findings() const;
    // The last thousand events, a line each, and a hash over all of them.
    [[nodiscard]] std::string trace() const;
    [[nodiscard]] std::uint64_t trace_hash() const;

    struct inside;

private:
    std::unique_ptr<inside> inside_;
};

}  // namespace ashlar::twin
