// SPDX-License-Identifier: MIT
// The ublk driver of the twin: devices, their states, queues and tags, by the rows of rules/. All
// functions are called with the kernel's lock held.
#pragma once

#include "twin/block.hpp"
#include "twin/open_file.hpp"
#include "twin/uring.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ashlar::twin {

class driver {
public:
    explicit driver(kernel& k);
    ~driver();

    // ---- commands, after io_uring's own checks ----
    // The result at once, or nothing: then the command is kept and completed later.
    std::optional<int> control_command(uring_command& c);
    std::optional<int> io_command(uring_command& c);
    // A control command that waits is taken back; false if it doesn't wait.
    bool cancel_control(uring_command& c);
    // The thread or the ring that submitted these ends: waiting I/O commands end with -ENODEV and
    // the device is cancelled (KERNEL.md 2.9).
    void cancel_io(uring_command& c);
    void thread_ended(task who);
    // ---- files ----
    int open_char(std::uint32_t id, process& who, open_file& f);  // 0 or a negative errno
    void release_char(open_file& f);                              // the last reference is gone
    // 0 or a negative errno; the mapping holds a reference to the file, which the caller counts.
    int map(open_file& f, process& who, std::uint64_t bytes, std::uint64_t offset, bool writable,
            bool shared, std::span<const std::byte>& at);
    void unmap(process& who, std::span<const std::byte> mapping);
    // pread (`to_server`) and pwrite of ublkcN: bytes or a negative errno.
    std::int64_t copy(open_file& f, std::uint64_t position, std::span<std::byte> memory,
                      bool to_server, task who, bool user_memory = true);

    // A use of this request's data (fixed_buffer::owner) is over: its place in the table is gone,
    // or an operation on it has ended. Who begins one counts block_request::references up.
    void buffer_returned(block_request& r);

    // ---- nodes and what sysfs shows ----
    [[nodiscard]] bool has_char(std::uint32_t id) const;
    [[nodiscard]] bool has_block(std::uint32_t id) const;
    [[nodiscard]] std::vector<std::uint32_t> ids() const;  // taken ones, in order

    // ---- for the block layer ----
    void queue_request(ublk_device& d, block_request& r);
    void disk_closed(ublk_device& d);  // its last opener

    // ---- for tests and the simulation ----
    // What a device has in which hands, for messages; "" if there is no such device.
    [[nodiscard]] std::string describe(std::uint32_t id) const;
    [[nodiscard]] std::string leaks() const;
    void power_off();  // everything is gone at once, without a completion

private:
    struct inside;
    std::unique_ptr<inside> inside_;
};

}  // namespace ashlar::twin
