// SPDX-License-Identifier: MIT
// How often `explain` names the rule that a real kernel's refusal broke.
#pragma once

#include "enumerated.hpp"
#include "record.hpp"

namespace agree {

// What a person has who asks why the step `until` failed: a log of the run up to it.
struct run_log {
    std::string text;
    std::string alone;   // no more of it than the kernel's name and the call that failed
    std::string device;  // the same, and what GET_DEV_INFO says of the device
};
run_log log_of(const sequence& s, const records& from, unsigned until);

// Prints the score over these records; 0 if it is what is asked for, with the log as with the
// device's info: of the rules that a call broke first in 95 of 100, and all among the first three.
int score(const std::vector<records>& reals);

}  // namespace agree
