// SPDX-License-Identifier: MIT
// A machine that times what its server does between one call of the machine and the next: that is
// ours, and what happens within the call is the kernel's.
#pragma once

#include "os/machine.hpp"
#include "support/allocations.hpp"

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>
#include <x86intrin.h>

namespace ashlar::bench {

// The processor's own clock, whose rate does not change.
inline std::uint64_t ticks() {
    unsigned processor = 0;
    return __rdtscp(&processor);
}

// How many of them are a nanosecond.
inline double ticks_per_ns() {
    using clock = std::chrono::steady_clock;
    const auto began = clock::now();
    const std::uint64_t first = ticks();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::uint64_t last = ticks();
    const std::chrono::duration<double, std::nano> time = clock::now() - began;
    return static_cast<double>(last - first) / time.count();
}

// What the thread that turns a queue has cost.
struct own_cost {
    std::uint64_t ticks = 0;
    std::uint64_t allocations = 0;
    std::uint64_t calls = 0;   // of the machine, by that thread
    std::uint64_t enters = 0;  // … that entered the ring
};

// Only calls of the queue's thread are timed: entering a ring, copying, looking at the clock. Only
// one queue may be at work, on an executor of steps.
class timed_machine final : public os::machine {
    template <class F>
    auto kernels(F&& call) {
        const std::uint64_t entered = ticks();
        const std::uint64_t taken = test::allocations();
        if (left_ != 0) {
            cost_.ticks += entered - left_;
            cost_.allocations += taken - taken_;
        }
        cost_.calls += 1;
        auto outcome = std::forward<F>(call)();
        taken_ = test::allocations();
        left_ = ticks();
        return outcome;
    }

public:
    explicit timed_machine(os::machine& real) : real_(real) {}

    [[nodiscard]] const own_cost& cost() const { return cost_; }

    std::int64_t read_at(int fd, std::span<std::byte> into, std::uint64_t position) override {
        return kernels([&] { return real_.read_at(fd, into, position); });
    }
    std::int64_t write_at(int fd, std::span<const std::byte> from,
                          std::uint64_t position) override {
        return kernels([&] { return real_.write_at(fd, from, position); });
    }
    int ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) override {
        cost_.enters += 1;
        return kernels([&] { return real_.ring_enter(ring, wait, timeout_ns); });
    }
    void ring_spin(io_uring& ring, unsigned wait, std::uint64_t time_ns) override {
        real_.ring_spin(ring, wait, time_ns);
    }
    std::uint64_t now_ns() override {
        return kernels([&] { return real_.now_ns(); });
    }

    result<int> open(const std::string& path, int flags) override {
        return real_.open(path, flags);
    }
    void close(int fd) override { real_.close(fd); }
    result<std::span<const std::byte>> map(int fd, std::size_t bytes, std::uint64_t at) override {
        return real_.map(fd, bytes, at);
    }
    void unmap(std::span<const std::byte> mapping) override { real_.unmap(mapping); }
    result<> ring_open(io_uring& ring, const os::ring_spec& spec) override {
        return real_.ring_open(ring, spec);
    }
    void ring_close(io_uring& ring) override { real_.ring_close(ring); }
    int ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) override {
        return real_.ring_register(ring, opcode, argument, count);
    }
    result<int> wakeup_open() override { return real_.wakeup_open(); }
    void wakeup_signal(int fd, std::uint64_t amount) override { real_.wakeup_signal(fd, amount); }
    result<std::span<std::byte>> allocate_memory(std::size_t bytes) override {
        return real_.allocate_memory(bytes);
    }
    void free_memory(std::span<std::byte> memory) override { real_.free_memory(memory); }
    result<> lock_memory() override { return real_.lock_memory(); }
    std::int64_t wall_clock_seconds() override { return real_.wall_clock_seconds(); }
    void sleep_ns(std::uint64_t time) override { real_.sleep_ns(time); }
    std::uint64_t unguessable() override { return real_.unguessable(); }
    std::unique_ptr<os::monitor> make_monitor() override { return real_.make_monitor(); }
    result<std::unique_ptr<os::thread>> start_thread(const std::string& name,
                                                     std::span<const unsigned> cpus,
                                                     std::function<void()> body) override {
        return real_.start_thread(name, cpus, std::move(body));
    }
    void mark_io_thread() override { real_.mark_io_thread(); }
    os::kernel_version version() override { return real_.version(); }
    unsigned cpu_ids() override { return real_.cpu_ids(); }
    std::size_t page_bytes() override { return real_.page_bytes(); }
    int process_id() override { return real_.process_id(); }
    std::optional<os::node> look_up(const std::string& path) override {
        return real_.look_up(path);
    }
    std::optional<std::string> read_text(const std::string& path) override {
        return real_.read_text(path);
    }
    std::vector<std::string> list_directory(const std::string& path) override {
        return real_.list_directory(path);
    }
    result<> make_directory(const std::string& path) override { return real_.make_directory(path); }
    result<> replace_file(const std::string& path, std::string_view text) override {
        return real_.replace_file(path, text);
    }
    void remove_file(const std::string& path) override { real_.remove_file(path); }
    result<std::unique_ptr<os::path_lock>> lock_path(const std::string& path) override {
        return real_.lock_path(path);
    }
    bool udev_has_handled(const os::node& block, std::uint64_t since_ns) override {
        return real_.udev_has_handled(block, since_ns);
    }
    std::vector<os::holder> holders_of(const std::string& disk) override {
        return real_.holders_of(disk);
    }
    bool load_module(const std::string& name) override { return real_.load_module(name); }

private:
    os::machine& real_;
    own_cost cost_;
    std::uint64_t left_ = 0;   // when the last call ended
    std::uint64_t taken_ = 0;  // allocations by then
};

}  // namespace ashlar::bench
