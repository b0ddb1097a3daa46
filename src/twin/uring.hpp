// SPDX-License-Identifier: MIT
// io_uring, as far as ashlar uses it: rings whose memory has the kernel's layout, and the
// operations on them. A ring belongs to one process; what it does with an operation is in
// uring_*.cpp.
#pragma once

#include "twin/executor.hpp"
#include "twin/open_file.hpp"

#include <liburing.h>

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ashlar::twin {

class kernel;
class process;
struct block_request;
struct entry_chain;
struct ring;

// One IORING_OP_URING_CMD on its way. The driver that keeps it completes it later, once.
struct uring_command {
    ring* home = nullptr;  // null once the ring is gone: then nobody hears of its completion
    process* caller = nullptr;
    open_file* file = nullptr;  // the command holds a reference
    task who = 0;               // the thread that submitted it
    std::uint64_t user_data = 0;
    std::uint32_t number = 0;   // cmd_op
    std::uint32_t flags = 0;    // uring_cmd_flags
    std::uint64_t address = 0;  // sqe->addr
    std::uint32_t length = 0;
    std::uint16_t buffer_group = 0;
    bool buffer_select = false;
    bool wide = false;
    bool skip_success = false;  // a success has no completion
    alignas(8) std::array<std::byte, 80> payload = {};

    // For the driver.
    bool cancelled = false;           // a waiting control command was taken back (then: -EINTR)
    wait_queue* sleeps_on = nullptr;  // what to wake for it to notice
    void* slot = nullptr;
    std::uint16_t q_id = 0, tag = 0;

    // For the ring.
    entry_chain* chain = nullptr;
};

// A slot of a ring's table of fixed buffers.
struct fixed_buffer {
    enum class kind : std::uint8_t { none, user, request };
    kind what = kind::none;
    std::byte* base = nullptr;  // of a request's: its data
    std::uint64_t bytes = 0;
    bool may_read_into = true, may_write_from = true;  // a READ request may only be read into
    block_request* owner = nullptr;
};

// Buffers provided by a buffer ring (IORING_REGISTER_PBUF_RING).
struct provided_buffer {
    std::byte* base;
    std::uint32_t bytes;
    std::uint16_t id;
};

struct buffer_group {
    io_uring_buf_ring* memory = nullptr;
    std::uint16_t head = 0, mask = 0;
};

// Work that must be done by a certain thread when it enters the kernel through this ring.
struct task_work {
    task who;
    event what;
};

struct ring_operation;  // a file operation under way

struct ring {
    ring(kernel& k, process& p);

    kernel& home;
    process* owner;
    // The memory that both sides see.
    std::vector<io_uring_sqe> entries;
    std::vector<io_uring_cqe> completions;
    unsigned sq_head = 0, sq_tail = 0, sq_flags = 0, cq_head = 0, cq_tail = 0;
    unsigned cq_limit = 0;  // completions that fit
    bool wide = false, single_issuer = false;
    const os::ring_uses* uses = nullptr;  // null: not restricted
    bool closing = false;

    std::vector<io_uring_cqe> ready;  // completed, in no order, for the next look
    std::deque<io_uring_cqe> overflow;
    std::vector<task_work> work;
    std::vector<open_file*> files;  // registered, null where none is
    std::vector<fixed_buffer> buffers;
    std::map<std::uint16_t, buffer_group> provided;
    std::vector<uring_command*> commands;     // under way
    std::vector<ring_operation*> operations;  // under way
    wait_queue waiters;

    // ---- for the driver ----
    // Posts the completion and gives the command back: it is gone after this.
    static void complete(uring_command& c, int result, unsigned flags = 0);
    // One completion of a multishot command, which goes on (F_MORE). False: no room for it, and the
    // command is to end.
    static bool post_more(uring_command& c, int result, unsigned flags);
    // Runs `e` in the thread `who` the next time that it enters the kernel by this ring.
    void add_work(task who, event e);
    // Takes the next buffer of a group; nothing when it has none left.
    std::optional<provided_buffer> take_provided(std::uint16_t group);
    void give_back_provided(std::uint16_t group);  // the one that was taken last

    // ---- for the process (uring_*.cpp) ----
    void consume(io_uring_sqe* entry);
    int enter(io_uring& user, unsigned wait, std::uint64_t timeout_ns);
    void post(std::uint64_t user_data, int result, unsigned flags = 0);
    int register_call(unsigned opcode, void* argument, unsigned count);
    // The ring's descriptor is closed: what waits is cancelled; what is under way goes on, and the
    // ring is gone (true now, else later) after that.
    bool close();
    [[nodiscard]] bool over() const { return closing && commands.empty() && operations.empty(); }
    void release();
    void lose_operations();  // the power fails: what is under way happens in part or never

private:
    void start(const io_uring_sqe& entry, entry_chain* chain);
    ring_operation* new_operation(const io_uring_sqe& entry, open_file* f, entry_chain* chain);
    void start_command(const io_uring_sqe& entry, open_file& f, entry_chain* chain);
    void start_file(const io_uring_sqe& entry, open_file& f, entry_chain* chain);
    void start_wait(const io_uring_sqe& entry, entry_chain* chain);
    int cancel(std::uint64_t user_data);
    void guard(entry_chain& chain);
    int refused(const io_uring_sqe& entry) const;
    [[nodiscard]] bool restricts(const io_uring_sqe& entry) const;
    open_file* file_for(const io_uring_sqe& entry) const;
    void run_work();
    void show_completions(unsigned wait);
    void follow(entry_chain* chain, int result);
    void end_chain();
    void drop_buffers();
    friend struct ring_operation;

    io_uring_sqe taken_[2] = {};         // the entry that is being looked at
    std::vector<task_work> work_batch_;  // … and work
    entry_chain* open_chain_ = nullptr;  // entries that are linked, still being gathered
};

}  // namespace ashlar::twin
