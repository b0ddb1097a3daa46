// SPDX-License-Identifier: MIT
// A user of the simulated disk: it does the operations of its plan, some at a time, and holds each
// answer against the oracle. It has no thread: the end of one request begins the next.
#pragma once

#include "sim/oracle.hpp"
#include "sim/plan.hpp"
#include "twin/block.hpp"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace ashlar::sim {

struct client_counters {
    std::uint64_t requests = 0, reads = 0, writes = 0, flushes = 0, discards = 0, zeroes = 0;
    std::uint64_t failed = 0, sectors_checked = 0;
};

// What clients need to know of the run that they are part of.
class surroundings {
public:
    virtual ~surroundings() = default;
    virtual twin::kernel& kernel() = 0;
    virtual oracle& truth() = 0;
    virtual client_counters& counters() = 0;
    // Whether an operation that was under way since that step may fail in this way now.
    virtual bool may_fail(const operation& o, std::uint64_t since_step, int error) = 0;
    virtual void broken(std::string what) = 0;
    virtual void client_finished() = 0;
};

class client {
public:
    client(surroundings& around, unsigned number, const client_plan& plan, std::uint32_t disk_id);
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    void begin();
    // The machine lost its power: what was under way never ends.
    void power_cut();
    [[nodiscard]] bool finished() const { return next_ == plan_.operations.size() && busy_ == 0; }
    [[nodiscard]] std::string waits_for() const;

private:
    struct slot {
        twin::bio bio = {};
        client* owner = nullptr;
        const operation* what = nullptr;  // null: free
        value of = 0;
        oracle::time began = 0, flush_began = 0;
        std::uint64_t step = 0;
        std::unique_ptr<std::byte[]> data = {};
    };

    static void bio_done(twin::bio& b, int error);
    static void timer(void* self, std::uint64_t generation);
    void go_on();
    bool open();
    void close();
    void submit(const operation& o);
    void ended(slot& s, int error);
    void check_read(const slot& s);
    void report(const slot& s, const seen& found, std::uint64_t sector);
    void pause(std::uint64_t ns);

    surroundings& around_;
    const client_plan& plan_;
    const unsigned number_;
    const std::uint32_t disk_id_;
    std::vector<slot> slots_;
    std::vector<slot*> free_;
    twin::disk* disk_ = nullptr;
    std::size_t next_ = 0;
    unsigned busy_ = 0;
    std::uint32_t sequence_ = 0;
    std::uint64_t generation_ = 0;  // of timers: older ones mean nothing any more
    bool pausing_ = false, rested_ = false, doubtful_ = false, told_ = false;
};

}  // namespace ashlar::sim
