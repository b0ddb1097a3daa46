// SPDX-License-Identifier: MIT
// Another size for a device that another process serves: a question to its server, which does it.
#pragma once

#include "device/life.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace ashlar::device_room {

struct resize_wish {
    std::optional<std::uint64_t> bytes = {};  // else what the target could have now
    std::int64_t by = 0;                      // … or so many more, or less, than now
    bool may_shrink = false;
};
struct resize_outcome {
    std::uint64_t before = 0, after = 0;  // bytes
};

error resize_refused(std::uint32_t id, int code, std::string why, std::string remedy);

// Blocks until the server has answered, a minute and a half at most.
result<resize_outcome> ask_resize(std::uint32_t id, const resize_wish& wish);

// The server's side: the answer to a question of that kind. To any other it is an error.
std::string answer_resize(device::implementation& disk, std::string_view question);

}  // namespace ashlar::device_room
