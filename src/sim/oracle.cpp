// SPDX-License-Identifier: MIT
#include "sim/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::sim {

oracle::oracle(const oracle_terms& terms) : terms_(terms), sectors_(terms.sectors) {
    for (sector_history& h : sectors_) {
        h.writes.push_back({.ended = 1, .well = true, .durable = true});
    }
    now_ = 1;
}

oracle::time oracle::begin_write(std::uint64_t first, std::uint64_t count, value v, bool durable) {
    const time began = ++now_;
    for (std::uint64_t s = first; s < first + count; ++s) {
        sectors_[s].writes.push_back({.of = v, .began = began});
        if (terms_.power_may_fail && !sectors_[s].listed) {
            sectors_[s].listed = true;
            undurable_.push_back(s);
        }
    }
    if (durable || terms_.every_write_is_durable) syncs_.push_back(began);
    return began;
}

void oracle::end_write(time began, std::uint64_t first, std::uint64_t count, bool well,
                       bool durable) {
    const time now = ++now_;
    for (std::uint64_t s = first; s < first + count; ++s) {
        sector_history& h = sectors_[s];
        for (write& w : h.writes) {
            if (w.began == began && w.ended == 0) {
                w.ended = now;
                w.well = well;
                if (!terms_.power_may_fail) w.durable = true;
            } else if (well && w.hidden == 0 && older(w, began)) {
                w.hidden = now;
                if (!terms_.power_may_fail) w.lost = true;
            }
        }
        tidy(h);
    }
    if (!durable && !terms_.every_write_is_durable) return;
    if (!well) return sync_failed(began);
    promised({.covers = 0, .made = now, .own = began, .first = first, .count = count});
    sync_over(began);
}

oracle::time oracle::begin_flush() {
    syncs_.push_back(++now_);
    return now_;
}

void oracle::end_flush(time began, bool well) {
    const time now = ++now_;
    if (!well) return sync_failed(began);
    promised({.covers = began, .made = now, .own = 0, .first = 0, .count = 0});
    sync_over(began);
}

void oracle::promised(const promise& p) {
    if (!terms_.power_may_fail) return;
    if (terms_.syncs_may_fail) {
        promises_.push_back(p);
    } else {
        keep(p);
    }
}

// Makes true what a sync has promised.
void oracle::keep(const promise& p) {
    if (p.covers == 0) {
        for (std::uint64_t s = p.first; s < p.first + p.count; ++s) {
            for (write& w : sectors_[s].writes) {
                if (w.began == p.own && !w.doomed) make_durable(sectors_[s], w);
            }
            tidy(sectors_[s]);
        }
        return;
    }
    std::erase_if(undurable_, [&](std::uint64_t s) {
        sector_history& h = sectors_[s];
        for (write& w : h.writes) {
            if (w.well && !w.doomed && older(w, p.covers)) make_durable(h, w);
        }
        tidy(h);
        h.listed = std::ranges::any_of(h.writes, [](const write& w) { return !w.durable; });
        return !h.listed;
    });
}

void oracle::make_durable(sector_history& h, write& w) {
    if (w.durable) return;
    w.durable = true;
    for (write& other : h.writes) {
        if (older(other, w.began)) other.lost = true;
    }
}

// Promises hold once no sync is under way any more that began before they were made.
void oracle::settle() {
    if (promises_.empty()) return;
    const time oldest = syncs_.empty() ? now_ + 1 : *std::ranges::min_element(syncs_);
    std::size_t kept = 0;
    while (kept < promises_.size() && promises_[kept].made < oldest) keep(promises_[kept++]);
    promises_.erase(promises_.begin(), promises_.begin() + static_cast<std::ptrdiff_t>(kept));
}

void oracle::sync_over(time began) {
    std::erase(syncs_, began);
    settle();
}

void oracle::sync_failed(time began) {
    if (!terms_.syncs_may_fail) return sync_over(began);
    std::erase_if(promises_, [&](const promise& p) { return p.made > began; });
    for (std::uint64_t s : undurable_) {
        for (write& w : sectors_[s].writes) w.doomed = w.doomed || !w.durable;
    }
    sync_over(began);
}

oracle::time oracle::begin_read(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t s = first; s < first + count; ++s) sectors_[s].reads += 1;
    return ++now_;
}

bool oracle::may_read(time began, std::uint64_t sector, value v) const {
    return std::ranges::any_of(sectors_[sector].writes, [&](const write& w) {
        return w.of == v && (w.hidden == 0 || w.hidden > began);
    });
}

// Where no write was under way since the read began, what it saw is the content: of writes that
// overlapped, that one was the last.
void oracle::learn(time began, std::uint64_t sector, value v) {
    sector_history& h = sectors_[sector];
    if (h.writes.size() == 1) return;
    if (!std::ranges::all_of(h.writes, [&](const write& w) { return older(w, began); })) return;
    bool durable = true;
    for (const write& w : h.writes) {
        if (w.of == v && w.hidden == 0) durable = durable && w.durable;
    }
    for (write& w : h.writes) {
        if (w.of == v && w.hidden == 0) continue;
        if (w.hidden == 0) w.hidden = now_;
        if (durable) w.lost = true;
    }
}

void oracle::end_read(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t s = first; s < first + count; ++s) {
        sectors_[s].reads -= 1;
        tidy(sectors_[s]);
    }
}

// Forgets writes that nobody can see any more.
void oracle::tidy(sector_history& h) {
    if (h.writes.size() == 1 || h.reads != 0) return;
    std::erase_if(h.writes, [](const write& w) { return w.hidden != 0 && w.lost; });
}

bool oracle::may_survive(std::uint64_t sector, value v) const {
    return std::ranges::any_of(sectors_[sector].writes,
                               [&](const write& w) { return w.of == v && !w.lost; });
}

void oracle::cut_power(bool nothing_lasts) {
    const time now = ++now_;
    for (sector_history& h : sectors_) {
        if (nothing_lasts) h.writes.assign(1, {});
        std::erase_if(h.writes, [](const write& w) { return w.lost; });
        for (write& w : h.writes) {
            w = {.of = w.of, .began = 0, .ended = now, .well = true, .durable = true};
        }
        h.reads = 0;
        h.listed = false;
    }
    undurable_.clear();
    syncs_.clear();
    promises_.clear();
}

std::string oracle::describe(std::uint64_t sector) const {
    std::string text;
    for (const write& w : sectors_[sector].writes) {
        const std::string what =
            w.of == 0 ? "zeros"
                      : fmt::format("write {} of client {}", w.of & 0xffffffff, (w.of >> 32) - 1);
        const char* state = w.ended == 0    ? "under way"
                            : !w.well       ? "failed"
                            : w.hidden != 0 ? "overwritten"
                            : w.durable     ? "done, durable"
                                            : "done";
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", what, state);
    }
    return text;
}

}  // namespace ashlar::sim
