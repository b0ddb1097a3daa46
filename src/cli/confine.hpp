// SPDX-License-Identifier: MIT
// What a server in the background gives up once it knows what it will need: so that whoever gets
// hold of it, by an image or a request, has got hold of less. Each part is in force or is left out,
// where this kernel has none or does not allow it; none is an error.
#pragma once

#include <string>
#include <vector>

namespace ashlar::cli {

// Before there are threads, and after all has been opened that needs more: no privileges by
// programs that it might start, capabilities, and the end that the out-of-memory killer has for
// it. Gives what is in force, in words.
std::vector<std::string> confine_process();
// Once its threads are there, for all of them: system calls that no server makes.
std::vector<std::string> confine_calls();

}  // namespace ashlar::cli
