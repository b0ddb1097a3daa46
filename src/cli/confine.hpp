// SPDX-License-Identifier: MIT
// What a server in the background gives up once it has what it needs, so that whoever gets hold of
// it, by an image or a request, has got hold of less. Each part is in force or is left out, where
// this kernel has none or does not allow it; none is an error.
#pragma once

#include <string>
#include <vector>

namespace ashlar::cli {

// Of the calling thread, and of those that it starts: privileges by programs, all capabilities, and
// files but those that are open now and, to be read, those under `places`. Gives what is in force,
// in words.
std::vector<std::string> confine_thread(const std::vector<std::string>& places);
// Its part for files.
std::string confine_files(const std::vector<std::string>& places);
// Of all threads: system calls that no server makes.
std::vector<std::string> confine_calls();

// Of the calling thread, before it starts others: rings that do more than a server does with them.
void confine_rings();

// By the first thread, once the device can be used; the other threads have confined themselves.
std::vector<std::string> confine_process(const std::vector<std::string>& places);

// Of a process with many devices, which makes others later: before it starts threads, and when it
// has loaded the driver and made the first.
std::vector<std::string> confine_server_of_many();
std::vector<std::string> confine_calls_of_many();

}  // namespace ashlar::cli
