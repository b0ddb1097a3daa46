// SPDX-License-Identifier: MIT
// A process of the twin: the seam for what runs in it, and the same calls without the seam's
// manners (any protection, any length) for those who test the kernel.
//
// Calls that can fail and are counted by kernel::fail_call: open, map, ring_open, ring_register,
// wakeup_open, allocate_memory, lock_memory, start_thread, replace_file, make_directory, lock_path,
// each control command, each FETCH.
#pragma once

#include "os/machine.hpp"
#include "twin/kernel.hpp"
#include "twin/open_file.hpp"
#include "twin/uring.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ashlar::twin {

class process final : public os::machine {
public:
    process(kernel& k, int pid, credentials who);
    ~process() override;

    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] const credentials& who() const { return who_; }
    void drop_admin() { who_.admin = who_.opens_control = false; }
    // What a rule of udev's gives to users.
    void let_open_control() { who_.opens_control = true; }
    [[nodiscard]] bool alive() const { return alive_; }
    kernel& home() { return kernel_; }
    [[nodiscard]] std::string leaks() const;

    // ---- calls beyond the seam: 0 or more, or a negative errno ----
    int call_open(const std::string& path, int flags);
    int call_map(int fd, std::uint64_t bytes, std::uint64_t offset, int protection, int flags,
                 std::span<const std::byte>& at);
    std::int64_t call_pread(int fd, std::span<std::byte> into, std::uint64_t position);
    std::int64_t call_pwrite(int fd, std::span<const std::byte> from, std::uint64_t position);
    // Copies that fail with false where the address is not this program's memory.
    // What can't be read is zero then, as in the kernel.
    static bool copy_in(void* to, std::uint64_t user_address, std::size_t bytes);
    static bool copy_out(std::uint64_t user_address, const void* from, std::size_t bytes);

    // ---- for the kernel ----
    open_file* file_of(int fd);
    static void attach(open_file& f, file& content);
    void close_everything();
    void thread_ended(task who);
    void lose_operations();  // the power fails

    // Sends this process's control commands from now on, and outlives it.
    void delegate(os::broker& helper) { helper_ = &helper; }

    // ---- the seam ----
    os::broker* helper() override { return helper_; }
    result<int> open(const std::string& path, int flags) override;
    void close(int fd) override;
    result<std::span<const std::byte>> map(int fd, std::size_t bytes, std::uint64_t at) override;
    void unmap(std::span<const std::byte> mapping) override;
    std::int64_t read_at(int fd, std::span<std::byte> into, std::uint64_t position) override {
        return call_pread(fd, into, position);
    }
    std::int64_t write_at(int fd, std::span<const std::byte> from,
                          std::uint64_t position) override {
        return call_pwrite(fd, from, position);
    }
    result<> ring_open(io_uring& ring, const os::ring_spec& spec) override;
    void ring_close(io_uring& ring) override;
    int ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) override;
    int ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) override;
    void ring_spin(io_uring&, unsigned, std::uint64_t) override;
    result<int> wakeup_open() override;
    void wakeup_signal(int fd, std::uint64_t amount) override;
    result<std::span<std::byte>> allocate_memory(std::size_t bytes) override;
    void free_memory(std::span<std::byte> memory) override;
    result<> lock_memory() override;
    std::uint64_t now_ns() override;
    std::int64_t wall_clock_seconds() override;
    void sleep_ns(std::uint64_t time) override;
    std::uint64_t unguessable() override;
    std::unique_ptr<os::monitor> make_monitor() override;
    result<std::unique_ptr<os::thread>> start_thread(const std::string& name,
                                                     std::span<const unsigned> cpus,
                                                     std::function<void()> body) override;
    void mark_io_thread() override {}
    os::kernel_version version() override;
    unsigned cpu_ids() override;
    std::size_t page_bytes() override;
    int process_id() override { return pid_; }
    std::optional<os::node> look_up(const std::string& path) override;
    std::optional<std::string> read_text(const std::string& path) override;
    std::vector<std::string> list_directory(const std::string& path) override;
    result<> make_directory(const std::string& path) override;
    result<> replace_file(const std::string& path, std::string_view text) override;
    void remove_file(const std::string& path) override;
    result<std::unique_ptr<os::path_lock>> lock_path(const std::string& path) override;
    bool udev_has_handled(const os::node& block, std::uint64_t since_ns) override;
    std::vector<os::holder> holders_of(const std::string& disk) override;
    bool load_module(const std::string&) override { return false; }

private:
    int new_descriptor(open_file* f);
    ring& ring_of(const io_uring& user);
    int open_node(const std::string& path, int flags, open_file*& f);
    int set_up(io_uring& user, const os::ring_spec& spec);
    [[nodiscard]] bool has_parent(const std::string& path) const;
    static void signal_reader(open_file& f);
    int failing() { return kernel_.injected_failure(); }

    kernel& kernel_;
    int pid_;
    credentials who_;
    bool alive_ = true;
    os::broker* helper_ = nullptr;
    int next_descriptor_ = 1000;
    std::map<int, open_file*> files_;
    // In the order in which they were opened: by address, no two runs would be the same.
    std::vector<std::pair<const io_uring*, std::unique_ptr<ring>>> rings_;
    struct mapping {
        std::span<const std::byte> bytes;
        open_file* file;
    };
    std::vector<mapping> mappings_;
    std::map<std::byte*, std::size_t> memory_;
};

}  // namespace ashlar::twin
