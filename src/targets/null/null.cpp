// SPDX-License-Identifier: MIT
#include "targets/null/null.hpp"

#include <ashlar/size.hpp>

namespace ashlar::targets {

namespace {

using namespace ashlar::literals;

constexpr option null_options[] = {
    {.name = "size",
     .kind = value_kind::size,
     .argument = "SIZE",
     .help = "size of the disk",
     .otherwise = "250G",
     .first_word = true},
};

result<target> make_null(const option_values& values) {
    auto bytes = values.size(values.has("device-size") ? "device-size" : "size", 250_GiB);
    if (!bytes) return failure(std::move(bytes).error());
    return target(null_disk(*bytes));
}

}  // namespace

constinit const target_kind null_kind = {
    .name = "null",
    .summary = "forgets what is written; reads give unspecified bytes",
    .options = null_options,
    .make = &make_null,
};

}  // namespace ashlar::targets
