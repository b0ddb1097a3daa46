// SPDX-License-Identifier: MIT
// One thread that looks after devices from time to time: each second while they are used, else
// twice a minute.
#pragma once

#include "os/machine.hpp"

#include <memory>
#include <vector>

namespace ashlar::device_room {

// Its functions are called by the watcher's thread, between `add` and `remove`.
class watched {
public:
    enum class look : std::uint8_t { idle, used, done };
    virtual look look_at() = 0;

protected:
    ~watched() = default;
};

class watcher {
public:
    explicit watcher(os::machine& m) : machine_(m), monitor_(m.make_monitor()) {}
    ~watcher();
    watcher(const watcher&) = delete;
    watcher& operator=(const watcher&) = delete;

    result<> add(watched& one);
    // Nobody looks at it when this returns. One that is not there may be removed, too.
    void remove(watched& one);

private:
    void work();

    os::machine& machine_;
    std::unique_ptr<os::monitor> monitor_;
    std::vector<watched*> all_;  // guarded by it
    bool ends_ = false;          // … and this
    std::unique_ptr<os::thread> thread_;
};

}  // namespace ashlar::device_room
