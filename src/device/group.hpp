// SPDX-License-Identifier: MIT
// The devices of a process that serves many. One thread at a time may call its functions.
#pragma once

#include "device/life.hpp"
#include "device/server.hpp"
#include "device/status.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace ashlar::device_room {

class group {
public:
    static result<std::unique_ptr<group>> make(os::machine& m);
    ~group();

    // Serves it, with a status socket of its own, until it is removed or another server has it.
    result<> add(std::unique_ptr<device::implementation> disk);
    // Answers questions and deals with ends for so long, or until `fd` is readable. A device of
    // which something must be awaited keeps no other one waiting.
    result<> look_after(int fd, int ms);
    // What the process has given up, for those who ask.
    void tell_confinement(confinement what) { confined_ = std::move(what); }
    // Removes a device; one in use is not, unless `anyway`.
    result<> remove(std::uint32_t id, bool anyway);
    // True if it is served here; also while it is being taken back after a quiesce.
    [[nodiscard]] bool has(std::uint32_t id) const;
    [[nodiscard]] std::vector<std::uint32_t> ids() const;

private:
    struct member;
    explicit group(os::machine& m);
    void serve_again(member& one);

    os::machine& machine_;
    int wakeup_fd_ = -1;
    std::vector<std::unique_ptr<member>> members_;
    confinement confined_;
};

}  // namespace ashlar::device_room
