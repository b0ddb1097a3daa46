// SPDX-License-Identifier: MIT
// What a service tells the manager that has started it: sd_notify(3).
#pragma once

#include <cstdint>
#include <string_view>

namespace ashlar::cli {

// "READY=1", "STATUS=…"; lines, divided by a line break. Nothing happens without such a manager.
void notify_manager(std::string_view state);

// How often the manager wants to hear WATCHDOG=1, halved, in milliseconds; 0: it does not.
int watchdog_pause_ms();

}  // namespace ashlar::cli
