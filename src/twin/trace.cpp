// SPDX-License-Identifier: MIT
#include "twin/trace.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::twin {

std::string trace::text() const {
    std::string all;
    const std::size_t shown = std::min<std::size_t>(count_, kept_.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const entry& e = kept_[(count_ - shown + i) % kept_.size()];
        all += fmt::format("{:>12.3f} us  {}\n", static_cast<double>(e.time) / 1000,
                           fmt::format(fmt::runtime(e.what), e.numbers[0], e.numbers[1],
                                       e.numbers[2], e.numbers[3]));
    }
    return all;
}

}  // namespace ashlar::twin
