// SPDX-License-Identifier: MIT
// What a disk may answer. Each sector has a history of writes; a read may give what was the content
// at some moment between its begin and its end:
//
//   a write is over once it has ended well, or has failed (then it may have happened or not);
//   a write that ended well before another began is older than it, and nobody sees the older one
//   after the newer has ended; writes that overlap in time may have happened in either order;
//   after the power was cut, the same, but only what was made durable hides older writes: by a
//   flush that began after the write had ended, or by the write itself (FUA, write-through).
//
// Time is a count of the calls made here.
#pragma once

#include "sim/stamp.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ashlar::sim {

struct oracle_terms {
    std::uint64_t sectors = 0;
    bool power_may_fail = false;          // else what is durable is of no interest, and is not kept
    bool every_write_is_durable = false;  // write-through
    // A sync that fails may forget what others rely on at the same time or later: then they promise
    // nothing. Else each one that succeeds promises all that ended before it.
    bool syncs_may_fail = false;
};

class oracle {
public:
    using time = std::uint64_t;
    explicit oracle(const oracle_terms& terms);

    // A write of a value, or of zeros (0): discards, write-zeroes. What begins is to be ended with
    // the time that its begin gave.
    time begin_write(std::uint64_t first, std::uint64_t count, value v, bool durable);
    void end_write(time began, std::uint64_t first, std::uint64_t count, bool well, bool durable);
    time begin_flush();
    void end_flush(time began, bool well);
    time begin_read(std::uint64_t first, std::uint64_t count);
    // Before end_read, for each of its sectors: whether the value is one that this read may see.
    [[nodiscard]] bool may_read(time began, std::uint64_t sector, value v) const;
    // What the read has seen of a sector, if it was legal: others are out of question from now on.
    void learn(time began, std::uint64_t sector, value v);
    void end_read(std::uint64_t first, std::uint64_t count);

    // Whether the sector may hold this if the power failed now.
    [[nodiscard]] bool may_survive(std::uint64_t sector, value v) const;
    // The power fails: nothing is under way any more. `nothing_lasts`: all is zeros.
    void cut_power(bool nothing_lasts);

    [[nodiscard]] time now() const { return now_; }
    // What the sector may hold, and why, for a message.
    [[nodiscard]] std::string describe(std::uint64_t sector) const;

private:
    struct write {
        value of = 0;
        time began = 0;
        time ended = 0;   // 0: under way
        time hidden = 0;  // when a newer one ended; 0: not hidden
        bool well = false, durable = false;
        bool doomed = false;  // a sync failed: no later one makes it durable
        bool lost = false;    // hidden by a durable one: not even a crash brings it back
    };
    struct sector_history {
        std::vector<write> writes;
        std::uint32_t reads = 0;  // under way
        bool listed = false;      // in undurable_
    };
    struct promise {
        time covers;  // a flush: what had ended before; else 0
        time made;
        time own;  // a durable write: itself
        std::uint64_t first, count;
    };

    static bool older(const write& a, time began) { return a.ended != 0 && a.ended < began; }
    void promised(const promise& p);
    void keep(const promise& p);
    void settle();
    void sync_failed(time began);
    void sync_over(time began);
    void make_durable(sector_history& h, write& w);
    static void tidy(sector_history& h);

    oracle_terms terms_;
    time now_ = 0;
    std::vector<sector_history> sectors_;
    std::vector<std::uint64_t> undurable_;  // sectors with writes that are not yet durable
    std::vector<time> syncs_;               // under way: when they began
    std::vector<promise> promises_;         // of syncs, while others under way may spoil them
};

}  // namespace ashlar::sim
