// SPDX-License-Identifier: MIT
// What verbs do to one device, for those verbs that do more than one of these.
#pragma once

#include "cli/command_line.hpp"
#include "cli/inventory.hpp"
#include "cli/worker.hpp"

namespace ashlar::cli {

// Of `ashlar add`: what it leaves behind.
result<server_job> job_of(const command& add);

struct del_job {
    std::uint32_t id;
    bool force;
    std::uint64_t limit_ns;
};
// Stops and deletes it, and waits for the ends of its server and keeper, within bounds.
result<> remove_device(control::control& c, os::machine& m, const del_job& job);

// Serves it anew, or gives the server that goes on a keeper again. The text says what was done.
result<std::string> recover_device(control::control& c, os::machine& m, std::uint32_t id,
                                   bool unfenced);

}  // namespace ashlar::cli
