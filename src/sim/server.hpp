// SPDX-License-Identifier: MIT
// A server of the simulation: one process, which clears away what a dead one left, then makes the
// device or takes it over, and serves until it is told to stop, or is killed.
#pragma once

#include "device/life.hpp"
#include "sim/broker.hpp"
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

    // What is there of a device before this server.
    struct heritage {
        server* before = nullptr;  // serves it now, and is to hand it over
        int ended = 0;             // the process that served it, of which a keeper has been told
    };
    server(twin::kernel& k, const plan& p, storage& data, heritage from);
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
    // What the keeper has said of the device, if that was wrong.
    [[nodiscard]] const char* misjudged() const { return misjudged_; }
    // Null where it sends its commands itself.
    [[nodiscard]] broker* helper() { return broker_.get(); }
    // Somebody wants to know of a change of stage.
    void (*changed)(void* who) = nullptr;
    void* who = nullptr;

    void tell_to_stop();
    void tell_to_let_go();
    // The server before is gone.
    void forget_before() { before_ = nullptr; }
    // A successor: the server before has been asked, and what comes now is felt by all.
    [[nodiscard]] bool has_asked() const { return has_asked_; }
    void kill();
    // The machine has lost its power, and this process with it.
    void lose() {
        killed_ = true;
        if (broker_) broker_->lose();
    }

private:
    void live();
    result<> serve();
    result<bool> clear_the_way();
    result<bool> do_as_keeper_says();
    result<> relieve();
    void wait_for_end(const device::implementation& served);
    void reach(stage s);

    twin::kernel& kernel_;
    const plan& plan_;
    storage& data_;
    twin::process& process_;
    twin::wait_queue told_;
    std::unique_ptr<broker> broker_;
    std::unique_ptr<os::thread> thread_;
    stage stage_ = stage::beginning;
    server* before_;
    const int ended_;
    const char* misjudged_ = nullptr;
    const bool relieves_;
    bool stop_ = false, lets_go_ = false, took_over_ = false, killed_ = false, has_asked_ = false;
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
