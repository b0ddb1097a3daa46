// SPDX-License-Identifier: MIT
// What is seen of the devices of a sequence between its steps, on either side.
#pragma once

#include "system.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>

namespace agree {

// `ask(command, id, payload, bytes, path bytes)` sends a control command and gives its outcome;
// `has(kind, id)` tells whether the node of a character ('c') or block ('b') device is there.
template <class Board, class Ask, class Has>
std::string observe_devices(const Board& board, Ask&& ask, Has&& has) {
    std::string text;
    for (unsigned d = 0; d < devices_max; ++d) {
        if (board.devices[d].id < 0) continue;
        const auto id = static_cast<std::uint32_t>(board.devices[d].id);
        if (!text.empty()) text += "; ";
        fmt::format_to(std::back_inserter(text), "{:c}={}", 'a' + d, id);
        uapi::ctrl_dev_info info{};
        int outcome = ask(uapi::ctrl_op::get_dev_info, id, reinterpret_cast<std::byte*>(&info),
                          static_cast<std::uint16_t>(sizeof info), std::uint16_t{0});
        if (outcome == -EINVAL) {
            // A device without privileges wants its path.
            const std::string path = fmt::format("/dev/ublkc{}", id);
            const auto bytes = static_cast<std::uint16_t>(path.size());
            std::byte with_path[64 + sizeof info] = {};
            std::memcpy(with_path, path.data(), path.size());
            outcome = ask(uapi::ctrl_op::get_dev_info2, id, with_path,
                          static_cast<std::uint16_t>(bytes + sizeof info), bytes);
            std::memcpy(&info, with_path + path.size(), sizeof info);
        }
        text += " " + state_text(board, info, outcome);
        if (has('c', id)) text += " c";
        if (has('b', id)) text += " b";
    }
    return text;
}

}  // namespace agree
