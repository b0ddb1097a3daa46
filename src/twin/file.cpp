// SPDX-License-Identifier: MIT
#include "twin/file.hpp"

#include <algorithm>

namespace ashlar::twin {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::size_t history_max = 2048;

template <class To>
void put(To& to, std::uint64_t at, std::span<const std::byte> bytes) {
    std::ranges::copy(bytes, to.begin() + static_cast<std::ptrdiff_t>(at));
}

// Calls `f(offset in the piece, bytes)` for each sector that it touches.
template <class Piece, class F>
void for_each_sector(const Piece& p, F&& f) {
    for (std::uint64_t done = 0; done < p.bytes.size();) {
        const std::uint64_t end = (p.at + done) / sector * sector + sector;
        const std::uint64_t bytes = std::min<std::uint64_t>(end - p.at, p.bytes.size()) - done;
        f(done, bytes);
        done += bytes;
    }
}

}  // namespace

std::uint64_t file::read(std::uint64_t at, std::span<std::byte> into) const {
    if (at >= content_.size()) return 0;
    const std::uint64_t bytes = std::min<std::uint64_t>(into.size(), content_.size() - at);
    std::copy_n(content_.begin() + static_cast<std::ptrdiff_t>(at), bytes, into.begin());
    return bytes;
}

std::uint64_t file::write(std::uint64_t at, std::span<const std::byte> from) {
    if (at >= content_.size()) return 0;
    const std::uint64_t bytes = std::min<std::uint64_t>(from.size(), content_.size() - at);
    put(content_, at, from.first(bytes));
    remember(
        {next_write_++, at, {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(bytes)}});
    return bytes;
}

void file::punch(std::uint64_t at, std::uint64_t bytes) {
    if (at >= content_.size()) return;
    bytes = std::min(bytes, content_.size() - at);
    std::vector<std::byte> zeros(bytes);
    put(content_, at, zeros);
    remember({next_write_++, at, std::move(zeros)});
}

void file::end_sync(std::uint64_t place) {
    while (!history_.empty() && history_.front().number < place) make_durable();
}

void file::make_durable() {
    const piece& now = history_.front();
    put(durable_, now.at, now.bytes);
    // What an older, failed sync forgot can't come back over this.
    std::erase_if(forgotten_, [&](const piece& old) {
        return old.at >= now.at && old.at + old.bytes.size() <= now.at + now.bytes.size();
    });
    history_.pop_front();
}

void file::remember(piece p) {
    history_.push_back(std::move(p));
    // A disk writes back by itself sooner or later.
    if (history_.size() > history_max) make_durable();
}

void file::fail_sync(std::uint64_t place) {
    while (!history_.empty() && history_.front().number < place) {
        const piece p = std::move(history_.front());
        history_.pop_front();
        for_each_sector(p, [&](std::uint64_t from, std::uint64_t bytes) {
            const auto at = p.bytes.begin() + static_cast<std::ptrdiff_t>(from);
            forgotten_.push_back(
                {p.number, p.at + from, {at, at + static_cast<std::ptrdiff_t>(bytes)}});
        });
    }
}

void file::cut_power(random& choices) {
    // Forgotten writes are older than those that are still to be synced.
    for (const std::deque<piece>* pieces : {&forgotten_, &history_}) {
        for (const piece& p : *pieces) {
            const std::uint64_t fate = choices.below(3);  // lost, kept, torn
            if (fate == 0) continue;
            for_each_sector(p, [&](std::uint64_t from, std::uint64_t bytes) {
                if (fate == 1 || choices.below(2) == 0) {
                    put(durable_, p.at + from, std::span(p.bytes).subspan(from, bytes));
                }
            });
        }
    }
    history_.clear();
    forgotten_.clear();
    sync_error_told = true;
    content_ = durable_;
}

}  // namespace ashlar::twin
