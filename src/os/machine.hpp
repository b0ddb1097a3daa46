// SPDX-License-Identifier: MIT
// The seam: all that ashlar asks of an operating system. Linux stands behind it (linux_machine), or
// a model of it. The rooms above use nothing else, so they can't tell which one they run on.
//
// Threads: all functions may be called from any thread, but those of one ring only from one thread
// at a time (of a single-issuer ring: from the thread that opened it).
#pragma once

#include <ashlar/error.hpp>

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::os {

struct kernel_version {
    unsigned major = 0, minor = 0;
    std::string text = {};  // as uname -r has it
    [[nodiscard]] bool older_than(unsigned a, unsigned b) const {
        return major != a ? major < a : minor < b;
    }
};

struct node {
    enum class kind : std::uint8_t { block, character, other };
    kind what = kind::other;
    std::uint32_t major = 0, minor = 0;
    bool operator==(const node&) const = default;
};

// Somebody who keeps a block device in use.
struct holder {
    int pid = 0;               // 0 where it is not a process (a swap, a device on top)
    std::string program = {};  // its command name
    std::string how = {};      // "mounted at /mnt", "open", "swap", "used by dm-0"
    bool operator==(const holder&) const = default;
};

// What a ring is for: opcodes and flags of its entries, and calls of io_uring_register(2). Of a
// machine that restricts rings, all else is refused with EACCES. Lives as long as the ring.
struct ring_uses {
    std::span<const std::uint8_t> operations;
    std::uint8_t entry_flags = 0;
    std::span<const std::uint8_t> registrations = {};
};

struct ring_spec {
    unsigned entries = 8;
    bool wide_entries = false;   // 128-byte submission entries: control commands need them
    bool single_issuer = false;  // one thread uses it, with task work deferred to its own waits
    bool spins = false;          // … and may be asked to ring_spin
    const ring_uses* uses = nullptr;  // null: whatever io_uring has
};

inline constexpr std::uint64_t no_timeout = std::numeric_limits<std::uint64_t>::max();

// A running thread; the destructor waits for its end.
class thread {
public:
    virtual ~thread() = default;
};

// A lock with a condition, for the threads of one process.
class monitor {
public:
    virtual ~monitor() = default;
    virtual void lock() = 0;
    virtual void unlock() = 0;
    // With the lock held: gives it up until somebody notifies or the time is over, and takes it
    // again. May wake without cause. False when the time is over.
    virtual bool wait(std::uint64_t timeout_ns) = 0;
    virtual void notify_all() = 0;
};

// A lock on a path, against other processes; the destructor gives it up.
class path_lock {
public:
    virtual ~path_lock() = default;
};

// A process that has rights which this one has given up, and uses them for it.
class broker {
public:
    virtual ~broker() = default;
    // Makes the driver ready for commands; loads it if it is not there and this is wanted.
    virtual result<> open_driver(bool load) = 0;
    // A command to the ublk driver: its header (uapi::ctrl_cmd), and what that points to, which
    // comes back as the kernel leaves it. The kernel's answer, -errno, -ETIMEDOUT, or -EPIPE if the
    // broker is gone. Blocks until then.
    virtual int command(std::uint32_t number, std::span<const std::byte> header,
                        std::span<std::byte> payload, std::uint64_t limit_ns) = 0;
    // It has CAP_SYS_ADMIN where that counts, as far as is known.
    [[nodiscard]] virtual std::optional<bool> is_admin() const = 0;
    // As machine::holders_of.
    virtual std::vector<holder> holders_of(const std::string& disk) = 0;
};

class machine {
public:
    virtual ~machine() = default;

    // Null where this process does all by itself.
    virtual broker* helper() { return nullptr; }
    // The calling thread has all that it needs, and gives up its rights where they are to go.
    virtual void give_up_rights() {}

    // Descriptors. Flags are open(2)'s; O_CLOEXEC is added.
    virtual result<int> open(const std::string& path, int flags) = 0;
    virtual void close(int fd) = 0;
    // A read-only shared mapping, at a multiple of the page size.
    virtual result<std::span<const std::byte>> map(int fd, std::size_t bytes,
                                                   std::uint64_t offset) = 0;
    virtual void unmap(std::span<const std::byte> mapping) = 0;
    // pread(2) and pwrite(2): how many bytes, or -errno.
    virtual std::int64_t read_at(int fd, std::span<std::byte> into, std::uint64_t position) = 0;
    virtual std::int64_t write_at(int fd, std::span<const std::byte> from,
                                  std::uint64_t position) = 0;

    // Rings: on Linux the kernel's, else plain memory of the same layout. After ring_open
    // liburing's inline functions work on them in both cases. ring_enter publishes the prepared
    // entries and waits until `wait` completions are there; it gives 0 or -errno (-ETIME when time
    // ran out).
    virtual result<> ring_open(io_uring& ring, const ring_spec& spec) = 0;
    virtual void ring_close(io_uring& ring) = 0;
    // io_uring_register(2): its result, or -errno.
    virtual int ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) = 0;
    virtual int ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) = 0;
    // Looks, for at most so long and without sleeping, whether ring_enter would not have to wait.
    // Only of a ring that `spins`.
    virtual void ring_spin(io_uring& ring, unsigned wait, std::uint64_t time_ns) = 0;

    // A descriptor that another thread can make readable (8 bytes), to wake a ring's read of it,
    // which gets the sum of what was signalled since the last.
    virtual result<int> wakeup_open() = 0;
    virtual void wakeup_signal(int fd, std::uint64_t amount) = 0;

    // Memory for the data of requests: zeros, from a page boundary on; what was never used costs
    // nothing.
    virtual result<std::span<std::byte>> allocate_memory(std::size_t bytes) = 0;
    virtual void free_memory(std::span<std::byte> memory) = 0;
    // mlockall(2), as pages come into use.
    virtual result<> lock_memory() = 0;

    virtual std::uint64_t now_ns() = 0;             // monotonic
    virtual std::int64_t wall_clock_seconds() = 0;  // of the epoch
    virtual void sleep_ns(std::uint64_t time) = 0;
    // 64 bits that nobody can guess.
    virtual std::uint64_t unguessable() = 0;
    virtual std::unique_ptr<monitor> make_monitor() = 0;
    // Starts a thread on these CPUs (empty: anywhere).
    virtual result<std::unique_ptr<thread>> start_thread(const std::string& name,
                                                         std::span<const unsigned> cpus,
                                                         std::function<void()> body) = 0;
    // Marks the calling thread as one on which the machine's own write-back may depend.
    virtual void mark_io_thread() = 0;

    virtual kernel_version version() = 0;
    virtual unsigned cpu_ids() = 0;  // number of possible CPU ids, at least
    virtual std::size_t page_bytes() = 0;
    virtual int process_id() = 0;

    // The file system's view.
    virtual std::optional<node> look_up(const std::string& path) = 0;
    virtual std::optional<std::string> read_text(const std::string& path) = 0;
    virtual std::vector<std::string> list_directory(const std::string& path) = 0;
    // Errors carry the errno and the path. A directory that is there already is no error.
    virtual result<> make_directory(const std::string& path) = 0;
    // Puts a file in place whole: nobody ever reads part of it, and a failure leaves the old one.
    virtual result<> replace_file(const std::string& path, std::string_view text) = 0;
    virtual void remove_file(const std::string& path) = 0;
    // Waits until nobody else has it.
    virtual result<std::unique_ptr<path_lock>> lock_path(const std::string& path) = 0;
    // True unless udev runs here and has not yet handled this block device, which came at
    // `since_ns` (of now_ns) or later: what udev knows of an older one of the same number does not
    // count.
    virtual bool udev_has_handled(const node& block, std::uint64_t since_ns) = 0;
    // Who uses this whole disk or one of its partitions ("ublkb0").
    virtual std::vector<holder> holders_of(const std::string& disk) = 0;
    // modprobe; false if that did not help.
    virtual bool load_module(const std::string& module_name) = 0;
};

// The machine that this process runs on.
machine& linux_machine();

}  // namespace ashlar::os
