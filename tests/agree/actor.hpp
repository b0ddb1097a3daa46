// SPDX-License-Identifier: MIT
// One thread of one process of a sequence: does steps by system calls and tells what came of them.
#pragma once

#include "system.hpp"

#include <mutex>
#include <optional>
#include <span>

namespace agree {

inline constexpr std::size_t buffer_bytes = 64 << 10;  // of one tag
inline constexpr unsigned bad_address = 8;
inline constexpr unsigned provided_bytes = 256;          // of one provided buffer
inline constexpr std::uint64_t of_serving = 1ull << 32;  // user data of what no step sent

// What the threads of one process share.
struct process_state {
    struct mapping {
        std::byte* at = nullptr;
        std::size_t bytes = 0;
    };
    std::atomic<int> control_fd = -1, null_fd = -1, regular_fd = -1;
    std::array<std::atomic<int>, devices_max> char_fd, disk_fd;
    std::array<std::array<mapping, queues_max>, devices_max> maps{};
    // The tag that came last: which one the block layer takes is its own affair.
    std::array<std::array<std::atomic<std::uint16_t>, queues_max>, devices_max> last_tag{};
    std::byte* buffers = nullptr;  // of all queues and tags of all devices
    std::byte* area = nullptr;     // page-aligned, for REG_BUF and disk I/O

    process_state(calls& on);
    [[nodiscard]] std::byte* buffer(unsigned dev, unsigned queue, unsigned tag) const {
        return buffers + ((dev * queues_max + queue) * tags_max + tag % tags_max) * buffer_bytes;
    }
};
inline constexpr std::size_t area_bytes = 1 << 20;

class actor {
public:
    actor(calls& on, process_state& mine, const sequence& what, board& shared)
        : calls_(on), process_(mine), sequence_(what), board_(shared) {}
    ~actor();
    actor(const actor&) = delete;
    // Its process is dead: nothing is to be closed.
    void abandon();

    // Does a step. Nothing if its outcome is a completion that has not come yet.
    std::optional<std::string> perform(unsigned number);
    // Answers what was delivered and not committed, so that the end finds nothing in hand.
    void answer_all();
    // The completions that are there, answering requests if the board says so.
    std::vector<event> reap();
    // For Linux: the descriptors that become readable when there is something to reap.
    [[nodiscard]] std::vector<int> ring_fds() const;

private:
    struct ring {
        io_uring raw{};
        bool open = false;
        unsigned entry_bytes = 64;
        io_uring_buf_ring* provided = nullptr;
        unsigned provided_count = 0;
        std::byte* provided_memory = nullptr;
    };

    int ring_for(unsigned index);
    int file_for(const step& s);
    std::uint64_t address(const step& s, std::byte* payload) const;
    std::optional<std::string> submit(unsigned number);
    void fill_control(const step& s, io_uring_sqe& entry, std::byte* payload);
    void fill_io(const step& s, io_uring_sqe& entry, std::byte* payload);
    void fill_elements(const step& s, std::byte* payload);
    std::optional<std::string> completion(ring& on, const io_uring_cqe& c);
    std::string control_outcome(const step& s, unsigned number, long result);
    std::string io_outcome(const step& s, ring& on, const io_uring_cqe& c);
    std::string request_text(const step& s, unsigned queue, unsigned tag, bool with_data);
    const uapi::io_desc* descriptor(unsigned dev, unsigned queue, unsigned tag) const;
    bool serve(ring& on, unsigned number, const io_uring_cqe& c);
    void serve_one(ring& on, unsigned number, const step& s, unsigned tag, int result);
    void serve_batch(ring& on, const step& s, const io_uring_cqe& c);
    void commit_batch(ring& on, const step& s, std::span<const std::uint16_t> tags);
    std::vector<std::uint16_t> tags_of(const ring& on, const io_uring_cqe& c) const;
    void remember(ring& on, unsigned number, const io_uring_cqe& c);
    void forget(const step& s, unsigned number);
    void recycle(ring& on, unsigned flags);
    std::string file_call(const step& s);
    std::string map_call(const step& s);
    std::string ring_call(const step& s);
    std::string disk_call(const step& s);

    calls& calls_;
    process_state& process_;
    const sequence& sequence_;
    board& board_;
    std::array<ring, rings_max> rings_;
    std::map<unsigned, std::byte*> payloads_;  // of steps under way
    struct delivered {
        unsigned step = 0;
        std::uint16_t tag = 0;
        int result = 0;
        unsigned ring = 0;
    };
    std::vector<delivered> in_hand_;
    std::map<unsigned, delivered> answered_;  // by which step, until it is refused
};

}  // namespace agree
