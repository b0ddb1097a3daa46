// SPDX-License-Identifier: MIT
// Any text, and any bytes, are explained without a crash or a hang, and what comes of it can be
// shown. The first byte says what is done with the rest.
#include "explain/print.hpp"

#include <cstdlib>

using namespace ashlar;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::uint8_t how = data[0];
    const std::span<const std::uint8_t> rest(data + 1, size - 1);
    explain::options options;
    const auto kernels = rules::personalities();
    if ((how & 1) != 0) options.kernel = kernels[(how >> 1) % kernels.size()];
    explain::explanation told;
    if ((how & 0x10) == 0) {
        const std::string text(rest.begin(), rest.end());
        told = explain::text(text, options);
    } else {
        if ((how & 0x20) != 0) options.as = explain::all_shapes[how >> 6];
        told = explain::bytes(rest, options);
    }
    if (explain::to_text(told, {.colour = true, .all = true}).empty()) std::abort();
    if (explain::to_json(told).empty()) std::abort();
    return 0;
}
