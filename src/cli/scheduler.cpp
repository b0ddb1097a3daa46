// SPDX-License-Identifier: MIT
#include "cli/scheduler.hpp"

#include <fmt/format.h>

#include <fstream>
#include <string>
#include <unistd.h>

namespace ashlar::cli {

void take_default_scheduler(std::string_view disk) {
    if (::access("/run/udev/control", F_OK) == 0) return;
    const std::string path = fmt::format("/sys/block/{}/queue/scheduler", disk);
    std::string choices;
    std::getline(std::ifstream(path), choices);
    if (choices.find("[mq-deadline]") == std::string::npos) return;
    // Without the right to write it, or the scheduler it had, the disk works all the same.
    std::ofstream(path) << "none";
}

}  // namespace ashlar::cli
