// SPDX-License-Identifier: MIT
// What the verbs do. Each gives the program's exit code; errors have been printed by then.
#pragma once

#include "cli/command_line.hpp"

namespace ashlar::cli {

int run_help(const command& c);
int run_version(const command& c);
int run_run(const command& c);
int run_add(const command& c);
int run_apply(const command& c);
int run_serve(const command& c);
int run_list(const command& c);
int run_show(const command& c);
int run_stats(const command& c);
int run_del(const command& c);
int run_recover(const command& c);
int run_upgrade(const command& c);
int run_features(const command& c);
int run_doctor(const command& c);
int run_why(const command& c);
int run_explain(const command& c);
int run_udev_info(const command& c);
int run_generate(const command& c);

// Prints an error in its three lines; gives the exit code that goes with it.
int report(const error& e);
// The same for a verb: with --json a document on standard error, which has the rule's id.
int report(const command& c, const error& e);

}  // namespace ashlar::cli
