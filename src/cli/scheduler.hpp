// SPDX-License-Identifier: MIT
// The kernel gives a disk of one queue the scheduler mq-deadline, which passes each request on by
// way of a kernel thread. Disks like loop and null_blk are exempt from that; ublk's are not.
#pragma once

#include <string_view>

namespace ashlar::cli {

// Takes it from a new disk (ublkb0). Where udev runs, its rules have the say (60-ashlar.rules), and
// nothing is done. Waits for requests under way, so never by a process on which the disk depends.
void take_default_scheduler(std::string_view disk);

}  // namespace ashlar::cli
