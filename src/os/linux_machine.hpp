// SPDX-License-Identifier: MIT
// Linux behind the seam. Spread over files by subject: rings, memory, files, holders, and the
// rest.
#pragma once

#include "os/linux_broker.hpp"
#include "os/machine.hpp"

#include <atomic>

// An old compiler's habit: `linux` is a macro for 1 in its GNU modes.
#undef linux

namespace ashlar::os {

class linux final : public machine {
public:
    broker* helper() override { return helper_.get(); }
    void give_up_rights() override {
        if (give_up_) give_up_();
    }
    // From now on `helper` does what this process has no right to, and `give_up` is called by each
    // thread that needs its rights no longer. Before there are threads.
    void delegate(std::unique_ptr<file_broker> helper, std::function<void()> give_up) {
        helper_ = std::move(helper);
        give_up_ = std::move(give_up);
    }

    // Rings that say what they are for (ring_spec::uses) are opened for that alone from now on. If
    // `all`, every ring of this thread, and of those that it starts, is for no more than `uses`,
    // where the kernel can do so (7.0). Before there are threads and rings.
    void restrict_rings(const ring_uses& uses, bool all);
    enum class rings : std::uint8_t { unrestricted, restricted, restricted_for_ever };
    // What came of it, once rings have been opened.
    [[nodiscard]] rings ring_restrictions() const { return rings_.load(); }

    result<int> open(const std::string& path, int flags) override;
    // Memory of another process, by its descriptor there, for reading and writing. By the broker if
    // there is one: it can name to the driver what it has opened itself.
    result<int> open_shared(const std::string& path);
    void close(int fd) override;
    result<std::span<const std::byte>> map(int fd, std::size_t bytes,
                                           std::uint64_t offset) override;
    void unmap(std::span<const std::byte> mapping) override;
    std::int64_t read_at(int fd, std::span<std::byte> into, std::uint64_t position) override;
    std::int64_t write_at(int fd, std::span<const std::byte> from, std::uint64_t position) override;

    result<> ring_open(io_uring& ring, const ring_spec& spec) override;
    void ring_close(io_uring& ring) override;
    int ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) override;
    int ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) override;
    void ring_spin(io_uring& ring, unsigned wait, std::uint64_t time_ns) override;

    result<int> wakeup_open() override;
    void wakeup_signal(int fd, std::uint64_t amount) override;

    result<std::span<std::byte>> allocate_memory(std::size_t bytes) override;
    void free_memory(std::span<std::byte> memory) override;
    result<> lock_memory() override;

    std::uint64_t now_ns() override;
    std::int64_t wall_clock_seconds() override;
    void sleep_ns(std::uint64_t time) override;
    std::uint64_t unguessable() override;
    std::unique_ptr<monitor> make_monitor() override;
    result<std::unique_ptr<thread>> start_thread(const std::string& name,
                                                 std::span<const unsigned> cpus,
                                                 std::function<void()> body) override;
    void mark_io_thread() override;

    kernel_version version() override;
    unsigned cpu_ids() override;
    std::size_t page_bytes() override;
    int process_id() override;

    std::optional<node> look_up(const std::string& path) override;
    std::optional<std::string> read_text(const std::string& path) override;
    std::vector<std::string> list_directory(const std::string& path) override;
    result<> make_directory(const std::string& path) override;
    result<> replace_file(const std::string& path, std::string_view text) override;
    void remove_file(const std::string& path) override;
    result<std::unique_ptr<path_lock>> lock_path(const std::string& path) override;
    bool udev_has_handled(const node& block, std::uint64_t since_ns) override;
    std::vector<holder> holders_of(const std::string& disk) override;
    bool load_module(const std::string& module_name) override;

private:
    int begin_restricted(io_uring& ring, const ring_uses& uses);

    std::unique_ptr<file_broker> helper_;
    std::function<void()> give_up_;
    std::atomic<rings> rings_ = rings::unrestricted;
};

// As linux_machine, for who delegates.
linux& this_linux();

}  // namespace ashlar::os
