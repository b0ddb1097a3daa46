// SPDX-License-Identifier: MIT
// A server in the background: makes its target, makes or takes over the device, and serves it.
#pragma once

#include "cli/recipe.hpp"

#include <ashlar/serve.hpp>

#include <optional>
#include <vector>

namespace ashlar::cli {

struct server_job {
    recipe how;
    options wanted;
    bool choose_recovery = false;              // by the target, and not as `wanted` has it
    std::optional<std::uint32_t> device = {};  // to be taken over; else a new one is made
    std::uint64_t await_release_ns = 0;        // … which its server is just letting go
    int handed_over_by = 0;                    // … which is this process, and has to be told
};

// For a device that exists. Takes over the keepsake of the server that is there.
result<server_job> job_of(const device_room::record& record, recipe how);

// Makes the target of a job, for a device that is served by this process, and completes what is
// wanted of it. Relative paths start at the job's directory, which becomes the process's own.
result<target> prepare(server_job& job);

// The body of the child; tells `to_parent` how it goes until the device can be used. The target may
// be made of what the caller has open (/dev/fd/3): only then this leaves the terminal.
[[noreturn]] void work(server_job job, int to_parent);

// Descriptors behind standard error, but for those that are kept; negative ones are none.
std::vector<int> descriptors_but(const std::vector<int>& kept);
// A session of its own, without the terminal. Closes what was inherited.
void leave_the_terminal(const std::vector<int>& inherited);

// Writes to the device's log from now on, at its end.
void log_to_file(std::uint32_t id);

}  // namespace ashlar::cli
