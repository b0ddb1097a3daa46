// SPDX-License-Identifier: MIT
// What a keeper decides when the server of its device has ended: whether to start another one, and
// when.
#pragma once

#include "os/machine.hpp"

#include <cstdint>
#include <functional>
#include <optional>

namespace ashlar::device_room {

enum class fate : std::uint8_t {
    waits,            // for a server
    gone,             // removed, or stopped for good, or another one by now
    served_elsewhere  // by an upgrade or a recovery
};

// What has become of a device whose server, process `ended`, has ended. `lives`: whether there is
// such a process.
result<fate> fate_of(os::machine& m, std::uint32_t id, int ended,
                     const std::function<bool(int pid)>& lives);

// Servers that die one after the other are started later and later, and at last no more.
class restarts {
public:
    static constexpr unsigned failures_max = 8;

    // A server has ended which served for so long.
    void server_ended(std::uint64_t served_ns);
    // How long to wait before the next try, which may fail like the ones before it. Nothing: there
    // were enough.
    std::optional<std::uint64_t> next_pause_ns();
    // Somebody says that it makes sense to try again.
    void begin_anew() { failures_ = 0; }

private:
    unsigned failures_ = 0;
};

}  // namespace ashlar::device_room
