// SPDX-License-Identifier: MIT
// A thread that turns a loop.
#pragma once

#include "queue/loop.hpp"

#include <span>
#include <string>

namespace ashlar::queue {

class serving_thread {
public:
    struct spec {
        std::string name;
        std::span<const unsigned> cpus;  // empty: anywhere
        unsigned entries;                // of the ring
        bool shared;
        std::uint64_t spin_ns = 0;  // see loop::make
    };
    // Returns when its ring is open.
    static result<std::unique_ptr<serving_thread>> start(os::machine& m, const spec& s);
    // Waits until the queues of the loop have ended, and closes the ring behind the thread's end.
    ~serving_thread();
    serving_thread(const serving_thread&) = delete;
    serving_thread& operator=(const serving_thread&) = delete;

    [[nodiscard]] loop& work() { return *loop_; }

private:
    serving_thread() = default;

    std::unique_ptr<loop> loop_;
    std::unique_ptr<os::thread> thread_;
};

}  // namespace ashlar::queue
