// SPDX-License-Identifier: MIT
#include "rules/row.hpp"

#include "rules/rows.hpp"

namespace ashlar::rules {

std::span<const row> all_rows() {
    static const std::vector<row> rows = [] {
        std::vector<row> all;
        for (const auto group :
             {ring_rows(), dispatch_rows(), add_rows(), params_rows(), param_value_rows(),
              start_rows(), end_rows(), info_rows(), buffer_rows(), io_rows(), slot_rows(),
              batch_rows(), file_rows()}) {
            all.insert(all.end(), group.begin(), group.end());
        }
        return all;
    }();
    return rows;
}

contract::contract(const kernel& k) : kernel_(k) {
    for (const row& r : all_rows()) {
        if (!r.kernels.contains(k.release)) continue;
        for (subject s : r.about) {
            (r.stage == stage::ring ? ring_ : driver_)[static_cast<std::size_t>(s)].push_back(&r);
        }
    }
}

std::span<const row* const> contract::rows_of(subject s, stage where) const {
    return (where == stage::ring ? ring_ : driver_)[static_cast<std::size_t>(s)];
}

const row* contract::first_broken(subject s, const call& c, stage where) const {
    for (const row* r : rows_of(s, where)) {
        if (r->what != effect::silently && r->breaks && r->breaks(kernel_, c).yes()) return r;
    }
    return nullptr;
}

std::vector<contract::candidate> contract::candidates(subject s, const call& c) const {
    std::vector<candidate> found;
    for (stage where : {stage::ring, stage::driver}) {
        for (const row* r : rows_of(s, where)) {
            if (!r->breaks) continue;
            const maybe broken = r->breaks(kernel_, c);
            if (broken.no()) continue;
            found.push_back({r, broken});
            if (broken.yes() && r->what != effect::silently) return found;
        }
    }
    return found;
}

}  // namespace ashlar::rules
