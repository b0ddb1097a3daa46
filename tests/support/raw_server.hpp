// SPDX-License-Identifier: MIT
// A server that speaks to a kernel of the twin by raw commands, for tests of that kernel. Its
// device is a RAM disk; everything runs on the test's own thread.
#pragma once

#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/kernel.hpp"
#include "twin/process.hpp"
#include "twin/stepped.hpp"
#include "uapi/ublk.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define TEST_POISONS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TEST_POISONS true
#endif
#endif
#ifndef TEST_POISONS
#define TEST_POISONS false
#endif

namespace ashlar::testing {

// A buffer that is the kernel's is poisoned, and whoever touches it ends there.
inline constexpr bool poisons = TEST_POISONS;

struct completion {
    std::uint64_t user_data = 0;
    int result = 0;
    unsigned flags = 0;
};

// A quiet kernel: no choices, no scan, no udev.
twin::kernel_options quiet(const std::string& version, std::uint64_t seed = 1);

class raw_ring {
public:
    raw_ring(twin::process& owner, bool wide, unsigned entries = 64);
    raw_ring(const raw_ring&) = delete;
    raw_ring& operator=(const raw_ring&) = delete;
    ~raw_ring() { close(); }

    io_uring_sqe& entry(int fd, std::uint32_t number, std::uint64_t user_data);
    // Submits, does the work that has come, and collects completions; waits for `wait` of them.
    void enter(unsigned wait = 0);
    std::optional<completion> take();
    std::optional<completion> take(std::uint64_t user_data);
    void close();  // unless its process is dead
    io_uring& raw() { return ring_; }

private:
    twin::process& owner_;
    io_uring ring_ = {};
    bool open_ = true;
    std::deque<completion> arrived_;
};

struct raw_options {
    std::uint64_t flags = 0;
    std::uint16_t queues = 1, depth = 4;
    std::uint64_t sectors = 2048;
    std::uint32_t max_sectors = 16, attributes = 0, chunk_sectors = 0;
    std::uint32_t max_discard_sectors = 0, max_write_zeroes_sectors = 0;
    std::uint16_t descriptor_bytes = 0;
};

class raw_server {
public:
    explicit raw_server(twin::kernel& k, raw_options o = {}, twin::credentials who = {});

    twin::kernel& kernel;
    twin::process& process;
    raw_options options;
    raw_ring control_ring, ring;
    std::uint32_t id = uapi::device_id_auto;
    uapi::ctrl_dev_info info = {};
    int control_fd = -1, fd = -1;
    std::vector<std::vector<std::byte>> buffers;  // by queue and tag
    std::vector<std::span<const std::byte>> descriptors;
    std::vector<std::byte> ram;
    // What the server does with a request; the default keeps the RAM disk.
    std::function<int(const uapi::io_desc&, std::uint16_t queue, std::uint16_t tag)> handler;
    bool sends_path = false;  // of ublkcN before each payload, which then can't be written to
    std::vector<uapi::io_desc> seen;  // requests that came
    unsigned aborted = 0;             // commands that came back with -ENODEV

    // ---- control ----
    void send(uapi::ctrl_op op, uapi::ctrl_cmd command, std::uint64_t user_data);
    int control(uapi::ctrl_op op, uapi::ctrl_cmd command = {});
    int control(uapi::ctrl_op op, std::uint64_t data);
    // Sends it, and serves until it has ended.
    int control_while_serving(uapi::ctrl_op op, std::uint64_t data = 0);
    int add();
    int set_params();
    uapi::ctrl_dev_info device();
    int open();
    int map(std::uint16_t queue = 0);
    void unmap();
    // add, set_params, open, map, fetch and START_DEV
    void begin();
    void recover(raw_server& before);  // the same device, after its server's end

    // ---- I/O ----
    void fetch(std::uint16_t queue, std::uint16_t tag);
    void fetch_all();
    void commit(std::uint16_t queue, std::uint16_t tag, int result, std::uint64_t address);
    void commit(std::uint16_t queue, std::uint16_t tag, int result);
    const uapi::io_desc& descriptor(std::uint16_t queue, std::uint16_t tag) const;
    std::byte* buffer(std::uint16_t queue, std::uint16_t tag);
    // Answers what has come; true if there was anything.
    bool serve();
    void serve_until(const std::function<bool()>& condition);
    void kill() { kernel.kill(process); }
    void close();

    static std::uint64_t name(std::uint16_t queue, std::uint16_t tag) {
        return std::uint64_t{queue} << 16 | tag;
    }

private:
    std::vector<std::byte> with_path_;
    int keep_ram(const uapi::io_desc& d, std::uint16_t queue, std::uint16_t tag);
    std::uint32_t number(uapi::io_op op) const;
};

// I/O by a user of the disk, waited for while a server serves.
class user_io {
public:
    user_io(twin::kernel& k, std::uint32_t id, uapi::op op, std::uint64_t sector,
            std::uint64_t sectors, std::uint32_t flags = 0);
    user_io(const user_io&) = delete;
    user_io& operator=(const user_io&) = delete;

    std::vector<std::byte> data;
    void submit();
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] int error() const { return error_; }
    // Submits and serves until it is done.
    int run(raw_server& s);

private:
    twin::kernel& kernel_;
    twin::disk* disk_;
    twin::bio bio_;
    bool done_ = false;
    int error_ = 0;
};

// Steps until nothing is left to do, or so many times.
void settle(twin::kernel& k, unsigned steps = 1000);

}  // namespace ashlar::testing
