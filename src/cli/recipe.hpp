// SPDX-License-Identifier: MIT
// What a device's record keeps for who serves the device again: the target with its options, and
// what watches over the server. It is the text `options::recipe`.
#pragma once

#include "device/record.hpp"

#include <ashlar/option.hpp>

namespace ashlar::cli {

struct recipe {
    const target_kind* kind = nullptr;
    option_values values;        // the target's own
    std::string program = {};    // that served it last
    std::string directory = {};  // where relative paths of the target start
    unsigned threads_per_queue = 1;
    unsigned spin_us = 0;
    bool lock_memory = true;
    bool unfenced = false;
    bool supervised = false;
    int keeper = 0;     // its process, if it is supervised
    int keepsake = -1;  // the descriptor in the server and its keeper
    // Of a device that a file of devices asked for: the file, and what it said.
    std::string config = {}, asked = {};
};

std::string text_of(const recipe& r);
// An error for a record without a recipe, or with one that this program can't follow.
result<recipe> recipe_of(const device_room::record& r);

// True if the keeper of this recipe lives.
bool has_keeper(const recipe& r);
inline constexpr const char* keeper_name = "ashlar keeper";  // of its process

}  // namespace ashlar::cli
