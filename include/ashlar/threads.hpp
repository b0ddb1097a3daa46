// SPDX-License-Identifier: MIT
// Threads that serve the queues of several devices.
//
//     auto threads = ashlar::threads::start();
//     auto one = ashlar::device::start(Ram{...}, {.threads = *threads});
//     auto two = ashlar::device::start(Ram{...}, {.threads = *threads});
//
// A device that is given none has a thread of its own for each of its queues.
#pragma once

#include <ashlar/error.hpp>

#include <memory>

namespace ashlar {

// A handle: copies mean the same threads, which end with the last copy and the last device that
// they serve. Its functions may be called from any thread.
class threads {
public:
    threads() = default;  // none

    // `count` threads; 0: one for each processor that this process may use. Each has a ring of its
    // own, on which its queues wait together. Handlers of one queue are still called by one thread;
    // one that takes long keeps all queues of its thread waiting, so handlers should await I/O and
    // not block.
    static result<threads> start(unsigned count = 0);

    explicit operator bool() const noexcept { return inside_ != nullptr; }
    [[nodiscard]] unsigned count() const noexcept;

    class implementation;
    explicit threads(std::shared_ptr<implementation> inside) : inside_(std::move(inside)) {}
    [[nodiscard]] const std::shared_ptr<implementation>& inside() const noexcept { return inside_; }

private:
    std::shared_ptr<implementation> inside_;
};

}  // namespace ashlar
