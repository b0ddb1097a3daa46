// SPDX-License-Identifier: MIT
// A file or disk beneath a target, with a volatile cache: what is written is seen at once, and is
// durable once a sync that began later has ended. It can fail in the ways that disks fail.
#pragma once

#include "twin/random.hpp"

#include <ashlar/twin.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace ashlar::twin {

class file {
public:
    file(std::string path, std::uint64_t bytes)
        : path_(std::move(path)), content_(bytes), durable_(bytes) {}

    file_faults faults = {};
    bool block_device = false;
    // Each open file description is told of each error of a sync once, if it was there at the time;
    // one that nobody has been told yet is told to later ones, too.
    std::uint32_t sync_errors = 0;
    bool sync_error_told = true;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::uint64_t size() const { return content_.size(); }
    [[nodiscard]] std::span<const std::byte> content() const { return content_; }
    [[nodiscard]] std::span<const std::byte> durable() const { return durable_; }

    // Bytes moved, as far as the file reaches.
    std::uint64_t read(std::uint64_t at, std::span<std::byte> into) const;
    std::uint64_t write(std::uint64_t at, std::span<const std::byte> from);
    void punch(std::uint64_t at, std::uint64_t bytes);
    void zero(std::uint64_t at, std::uint64_t bytes) { punch(at, bytes); }

    // A sync is durable for what was written before it began: `begin_sync` gives the place in the
    // history to give to `end_sync`. A failed sync forgets: those writes may never become durable.
    [[nodiscard]] std::uint64_t begin_sync() const { return next_write_; }
    void end_sync(std::uint64_t place);
    void fail_sync(std::uint64_t place);
    // The power fails: each unsynced write is kept, lost or torn at any of its sectors.
    void cut_power(random& choices);
    [[nodiscard]] std::size_t unsynced() const { return history_.size(); }
    // Calls f(at, bytes) for each unsynced write, oldest first.
    template <class F>
    void for_each_unsynced(F&& f) const {
        for (const piece& p : history_) f(p.at, std::span<const std::byte>(p.bytes));
    }

private:
    struct piece {
        std::uint64_t number, at;
        std::vector<std::byte> bytes;
    };
    void remember(piece p);
    void make_durable();  // the oldest one

    std::string path_;
    std::vector<std::byte> content_, durable_;
    std::deque<piece> history_;    // not yet durable, in order
    std::deque<piece> forgotten_;  // a sync failed: durable only by luck
    std::uint64_t next_write_ = 0;
};

}  // namespace ashlar::twin
