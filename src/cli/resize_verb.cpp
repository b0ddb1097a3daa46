// SPDX-License-Identifier: MIT
// resize: has a device's server give it another size.
#include "base/try.hpp"
#include "cli/inventory.hpp"
#include "cli/verbs.hpp"
#include "device/nodes.hpp"
#include "device/resize.hpp"
#include "uapi/print.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <limits>

namespace ashlar::cli {

namespace {

using device_room::resize_outcome;
using device_room::resize_wish;

// The word behind the device, or none.
result<resize_wish> wish_of(const command& c) {
    resize_wish wish{.may_shrink = c.values.has("shrink")};
    if (c.words.size() < 2) return wish;
    std::string_view text = c.words[1];
    const char sign = text.starts_with('+') || text.starts_with('-') ? text[0] : ' ';
    if (sign != ' ') text.remove_prefix(1);
    ASHLAR_TRY(const std::uint64_t bytes, parse_size(text, "SIZE"));
    if (sign == ' ') {
        wish.bytes = bytes;
    } else if (bytes == 0 || bytes > std::numeric_limits<std::int64_t>::max()) {
        return failure({.operation = fmt::format("SIZE: '{}'", c.words[1]),
                        .why = "no disk can change by so much, or by nothing",
                        .remedy = "see ashlar resize --help",
                        .usage = true});
    } else {
        wish.by =
            sign == '-' ? -static_cast<std::int64_t>(bytes) : static_cast<std::int64_t>(bytes);
    }
    return wish;
}

result<resize_outcome> resize_device(std::uint32_t id, const resize_wish& wish,
                                     const device_entry& entry) {
    if (!entry.record) {
        return failure(
            device_room::resize_refused(id, 0, "it was not made by ashlar, or its record is gone",
                                        "resize it with the program that made it"));
    }
    if (entry.state != "live") {
        return failure(device_room::resize_refused(
            id, 0, fmt::format("its state is {}: nobody serves it", entry.state),
            "see ashlar recover, or ashlar del"));
    }
    return device_room::ask_resize(id, wish);
}

}  // namespace

int run_resize(const command& c) {
    const auto wish = wish_of(c);
    if (!wish) return report(c, wish.error());
    os::machine& m = os::linux_machine();
    auto control = control::control::open(m, false);
    if (!control) return report(c, control.error());
    const auto id = find_device(**control, m, c.words[0]);
    if (!id) return report(c, id.error());
    const auto entry = look_at(**control, m, *id);
    if (!entry) return report(c, entry.error());
    const auto done = resize_device(*id, *wish, *entry);
    if (!done) return report(c, done.error());
    if (c.values.has("json")) {
        const nlohmann::ordered_json j = {
            {"id", *id}, {"before", done->before}, {"size", done->after}};
        fmt::print("{}\n", j.dump(2));
    } else if (done->before == done->after) {
        fmt::print("{} has {}, as before\n", device_room::block_path(*id),
                   uapi::bytes_text(done->after));
    } else {
        fmt::print("{} has {} now, and had {}\n", device_room::block_path(*id),
                   uapi::bytes_text(done->after), uapi::bytes_text(done->before));
    }
    return 0;
}

}  // namespace ashlar::cli
