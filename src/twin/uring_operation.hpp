// SPDX-License-Identifier: MIT
// What a ring has under way besides commands to the driver: file operations, waits, and chains of
// linked entries.
#pragma once

#include "twin/uring.hpp"

#include <deque>
#include <optional>
#include <vector>

namespace ashlar::twin {

// Entries linked behind one that is under way: they start one by one, or are cancelled together.
struct entry_chain {
    ring* home;
    std::deque<io_uring_sqe> rest;
    bool hard = false;        // the link goes on after a failure
    std::uint64_t whole = 0;  // bytes of the transfer under way: a short one breaks the link
    // A LINK_TIMEOUT of what is under way.
    std::uint64_t timeout_user_data = 0, guarded = 0;
    bool timeout_armed = false;
};

struct ring_operation {
    ring* home;  // null once nobody waits for it (a ghost)
    kernel* machine = nullptr;
    open_file* file = nullptr;  // holds a reference; null for waits
    entry_chain* chain = nullptr;
    io_uring_sqe entry = {};
    std::byte* memory = nullptr;       // the process's, or …
    std::vector<std::byte> own = {};   // … a copy of what it wrote, after its end
    block_request* lent_by = nullptr;  // the memory is a request's, in a fixed buffer
    std::uint64_t sync_place = 0;
    std::optional<int> answer = {};  // of a sync that is done, and not yet told
    std::uint64_t until = 0;         // of a timeout
    bool waiting = false;            // for something that can be cancelled
    bool scheduled = false;          // an event refers to it
    bool over = false;               // … and has only to delete it
    bool detached = false;           // its process's memory is gone: nothing is written there

    static void run(void* object, std::uint64_t);  // the event of its completion
    void end(int result);
    void schedule(std::uint64_t at_ns);  // 0: soon
    // The process's memory goes away: keeps what a write still needs.
    void take_along();
    int perform();
    int allocate(class file& f);
    void time_is_over();
};

}  // namespace ashlar::twin
