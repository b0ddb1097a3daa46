// SPDX-License-Identifier: MIT
// A sequence on the twin, step by step: nothing is left to time.
#pragma once

#include "actor.hpp"
#include "twin/kernel.hpp"
#include "twin/stepped.hpp"
#include "twin_calls.hpp"

#include <deque>
#include <set>

namespace agree {

class twin_stage final : public stage {
public:
    twin_stage(const sequence& what, ashlar::rules::kernel version);
    ~twin_stage() override;
    void begin(unsigned number) override;
    std::vector<event> settle(unsigned number) override;
    std::string observe() override;
    std::string finish() override;

private:
    struct thread {
        std::unique_ptr<actor> acts;
        std::deque<unsigned> todo;
        ashlar::twin::wait_queue told{.what = "the next step of its sequence"};
        std::unique_ptr<ashlar::os::thread> running;
        bool ended = false;
    };
    struct one_process {
        ashlar::twin::process* runs = nullptr;
        std::unique_ptr<twin_calls> system;
        std::unique_ptr<process_state> state;
        std::array<thread, threads_max> threads;
    };
    void start(unsigned index);
    void act(thread& t);
    void advance(std::uint64_t ns);
    int command(uapi::ctrl_op what, std::uint32_t id, void* payload, std::uint16_t bytes,
                std::uint16_t path_bytes);

    const sequence& sequence_;
    board board_;
    ashlar::twin::kernel kernel_;
    std::array<std::unique_ptr<one_process>, processes_max> processes_;
    std::vector<event> events_;
    ashlar::twin::process* watcher_ = nullptr;
    io_uring ring_{};
    int control_ = -1;
    bool time_up_ = false;
    bool control_for_all_ = false;
    std::set<unsigned> ended_;  // of the steps that are served
};

}  // namespace agree
