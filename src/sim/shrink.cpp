// SPDX-License-Identifier: MIT
// Makes a plan that fails shorter: whatever can be left out without the failure going away is.
#include "sim/runner.hpp"

#include <algorithm>
#include <numeric>

namespace ashlar::sim {

namespace {

constexpr unsigned attempts_max = 400;

struct shrinker {
    const plan& whole;
    cut best;
    const std::function<void(const cut&)>& progress;
    unsigned attempts = 0;

    bool still_fails(const cut& c) {
        if (++attempts > attempts_max) return false;
        if (progress) progress(best);
        if (run_apart(shortened(whole, c), 0, false).what.empty()) return false;
        best = c;
        return true;
    }

    // Without each of a list's members in turn; half of them at once, first.
    void fewer(std::optional<std::vector<std::size_t>> cut::* list, std::size_t count,
               std::size_t least) {
        if (!(best.*list)) {
            std::vector<std::size_t> all(count);
            std::iota(all.begin(), all.end(), std::size_t{0});
            best.*list = all;
        }
        for (std::size_t part = std::max<std::size_t>(1, count / 2); part != 0; part /= 2) {
            for (std::size_t from = 0; from < (best.*list)->size();) {
                cut c = best;
                auto& kept = *(c.*list);
                const auto begin = kept.begin() + static_cast<std::ptrdiff_t>(from);
                const auto end =
                    kept.begin() + static_cast<std::ptrdiff_t>(std::min(from + part, kept.size()));
                kept.erase(begin, end);
                if (kept.size() < least || !still_fails(c)) from += part;
            }
        }
        if ((best.*list)->size() == count) (best.*list).reset();
    }

    void fewer_operations(std::size_t longest) {
        std::size_t low = best.first, high = std::min(best.last, longest);
        // The fewest that fail, from the beginning; then as few of these as fail.
        while (high - low > 1) {
            cut c = best;
            c.last = low + (high - low) / 2;
            if (still_fails(c)) {
                high = c.last;
            } else {
                low = c.last;
            }
        }
        low = best.first;
        high = std::min(best.last, longest);
        while (high - low > 1) {
            cut c = best;
            c.first = low + (high - low) / 2;
            if (still_fails(c)) {
                low = c.first;
            } else {
                high = c.first;
            }
        }
    }

    void without(bool cut::* what) {
        if (best.*what) return;
        cut c = best;
        c.*what = true;
        still_fails(c);
    }
};

}  // namespace

cut shrink(const plan& p, const cut& from, const std::function<void(const cut&)>& progress) {
    shrinker s{.whole = p, .best = from, .progress = progress};
    std::size_t longest = 0;
    for (const client_plan& c : p.clients) longest = std::max(longest, c.operations.size());
    for (int round = 0; round < 2; ++round) {
        s.without(&cut::no_disk_errors);
        s.without(&cut::no_short_transfers);
        s.without(&cut::no_delays);
        s.without(&cut::no_overflow);
        s.without(&cut::polite);
        s.fewer(&cut::mishaps, p.mishaps.size(), 0);
        s.fewer(&cut::clients, p.clients.size(), 1);
        s.fewer_operations(longest);
    }
    return s.best;
}

}  // namespace ashlar::sim
