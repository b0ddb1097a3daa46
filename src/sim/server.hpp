// SPDX-License-Identifier: MIT
// A server of the simulation: one process, which clears away what a dead one left, then makes the
// device or takes it over, and serves until it is told to stop, or is killed.
#pragma once

#include "device/life.hpp"
#include "sim/media.hpp"
#include "sim/plan.hpp"
#include "twin/process.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace ashlar::sim {

class server {
public:
    enum class stage : std::uint8_t { beginning, serving, stopping, ended, failed };

    server(twin::kernel& k, const plan& p, storage& data);
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    // Of a server that is over or was killed.
    ~server();

    [[nodiscard]] stage reached() const { return stage_; }
    [[nodiscard]] bool over() const { return stage_ >= stage::ended; }
    [[nodiscard]] bool took_over() const { return took_over_; }
    [[nodiscard]] int code() const { return code_; }  // of a failure
    [[nodiscard]] std::string failure_text() const { return text_.data(); }
    [[nodiscard]] twin::process& process() { return process_; }
    // Somebody wants to know of a change of stage.
    void (*changed)(void* who) = nullptr;
    void* who = nullptr;

    void tell_to_stop();
    void kill();
    // The machine has lost its power, and this process with it.
    void lose() { killed_ = true; }

private:
    void live();
    result<> serve();
    result<bool> clear_the_way();
    void wait_for_end(const device::implementation& served);
    void reach(stage s);

    twin::kernel& kernel_;
    const plan& plan_;
    storage& data_;
    twin::process& process_;
    twin::wait_queue told_;
    std::unique_ptr<os::thread> thread_;
    stage stage_ = stage::beginning;
    bool stop_ = false, took_over_ = false, killed_ = false;
    int code_ = 0;
    // Not a string: its memory would be the process's, and go with it.
    std::array<char, 480> text_ = {};
};

// Somebody else on the machine, who quiesces the device, or stops it and perhaps deletes it.
class stranger {
public:
    enum class deed : std::uint8_t { quiesce, stop, remove };
    stranger(twin::kernel& k, std::uint32_t id, deed what);
    ~stranger();
    [[nodiscard]] bool over() const { return over_; }
    void lose() { lost_ = true; }

private:
    void live();

    twin::kernel& kernel_;
    const std::uint32_t id_;
    const deed what_;
    twin::process& process_;
    bool over_ = false, lost_ = false;
    std::unique_ptr<os::thread> thread_;
};

}  // namespace ashlar::sim
