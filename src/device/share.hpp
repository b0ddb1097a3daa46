// SPDX-License-Identifier: MIT
// Memory that a client shares with a device's server: how it asks for that, and the server's side.
#pragma once

#include "device/life.hpp"

#include <string>
#include <string_view>

namespace ashlar::device_room {

// The server's side: the answer to a question to share memory, or to give it back. Empty if the
// question is another.
std::string answer_share(device::implementation& disk, std::string_view question);

// Of the memfd that holds such memory: whoever opens it for a server sees for which device it is.
std::string shared_memory_name(std::uint32_t id);

// A client that could take the memory away could end the server: so it must be sealed.
bool is_memory_that_stays(int fd);

error share_refused(std::uint32_t id, int code, std::string why, std::string remedy);

}  // namespace ashlar::device_room
