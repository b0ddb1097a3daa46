// SPDX-License-Identifier: MIT
// What ashlar::threads holds: serving threads whose loops are shared by queues of many devices.
#pragma once

#include "device/watcher.hpp"
#include "queue/serving_thread.hpp"

#include <ashlar/serve.hpp>
#include <ashlar/threads.hpp>

#include <memory>
#include <vector>

namespace ashlar {

class threads::implementation {
public:
    static result<std::shared_ptr<implementation>> start(os::machine& m, unsigned count);

    // The loop of the thread that has the fewest queues, for one more.
    queue::loop& take_place();
    void give_back_place(const queue::loop& where);
    // Lives on until the rings are closed.
    void keep(std::shared_ptr<void> abandoned);
    // Of all devices that they serve.
    [[nodiscard]] device_room::watcher& watcher() { return watcher_; }
    [[nodiscard]] unsigned count() const { return static_cast<unsigned>(all_.size()); }

private:
    explicit implementation(os::machine& m) : watcher_(m), monitor_(m.make_monitor()) {}
    struct one {
        std::unique_ptr<queue::serving_thread> thread;
        unsigned queues = 0;  // guarded by monitor_
    };
    device_room::watcher watcher_;
    std::unique_ptr<os::monitor> monitor_;
    std::vector<std::shared_ptr<void>> kept_;  // guarded by it
    std::vector<one> all_;
};

namespace device_room {

// Refuses several threads for a queue of this depth where they can't be had.
result<> check_threads_per_queue(const options& wanted, unsigned depth, std::uint64_t features,
                                 const os::kernel_version& kernel);

}  // namespace device_room

}  // namespace ashlar
