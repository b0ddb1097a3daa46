// SPDX-License-Identifier: MIT
// The broker of a server: a process with the rights that the server gives up. It sends control
// commands for the server's device, each with a deadline, says who has its disk open, writes its
// record, and opens the little that is opened later. It reads no image, serves no request, and ends
// with its server.
#pragma once

#include <ashlar/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <sys/types.h>

namespace ashlar::cli {

inline constexpr const char* broker_name = "ashlar broker";

// What a broker does for whom. A server that could have everything done would have given up
// nothing.
class brokered_rights {
public:
    // For this process: of the device that it takes over, or of one that it makes.
    brokered_rights(pid_t server, std::optional<std::uint32_t> device) : server_(server) {
        if (device) devices_.insert(*device);
        may_add_ = !device;
    }
    [[nodiscard]] bool allow(std::uint32_t number, std::span<const std::byte> header) const;
    [[nodiscard]] bool allow_disk(std::string_view name) const;
    // To be opened: the lock of the run directory, and the disk, to see whether others claim it.
    // Not ublkcN: the kernel takes who has opened that for the server.
    [[nodiscard]] bool allow_open(std::string_view path, int flags) const;
    // The device's record; and what lies beside it.
    [[nodiscard]] bool allow_write(std::string_view path) const;
    [[nodiscard]] bool allow_removal(std::string_view path) const;
    // A client's, by what the kernel calls its file.
    [[nodiscard]] bool allow_memory(std::string_view file) const;
    // What was allowed has been done, with this payload.
    void note(std::uint32_t number, std::span<const std::byte> header,
              std::span<const std::byte> payload);

private:
    pid_t server_;
    std::set<std::uint32_t> devices_;
    bool may_add_ = false;
};

// Starts one for this process, which has no threads yet, and has this process send its commands by
// it.
result<> use_broker(std::optional<std::uint32_t> device, std::function<void()> give_up);

}  // namespace ashlar::cli
