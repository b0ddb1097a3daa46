// SPDX-License-Identifier: MIT
// A sequence on this machine's kernel.
#pragma once

#include "linux_calls.hpp"
#include "linux_process.hpp"

#include <set>

namespace agree {

class linux_stage final : public stage {
public:
    linux_stage(const sequence& what, board& shared, const pace& at);
    ~linux_stage() override;
    void begin(unsigned number) override;
    std::vector<event> settle(unsigned number) override;
    std::string observe() override;
    std::string finish() override;

private:
    struct settling {
        unsigned number = 0;
        bool done = false, entered = false, failed = false, others = false;
        double quiet_ms = 0;
        std::uint32_t served = 0;
    };
    bool take_messages(settling& s, std::vector<event>& all, int timeout_ms);
    void note(settling& s, std::vector<event>& all, event e);
    [[nodiscard]] double limit_ms(const settling& s) const;
    [[nodiscard]] bool others_run() const;
    [[nodiscard]] bool others_wait(unsigned number) const;
    std::string set_mode(const step& s);
    void answer_all();
    void start_processes();
    bool goes(std::uint32_t id);
    int command(uapi::ctrl_op op, std::uint32_t id, std::byte* payload, std::uint16_t bytes,
                std::uint16_t path_bytes, unsigned limit_ms);

    const sequence& sequence_;
    board& board_;
    pace pace_;
    std::array<std::unique_ptr<linux_process>, processes_max> processes_;
    std::set<unsigned> waiting_;  // steps without an outcome
    std::vector<event> at_once_;  // outcomes of steps that the conductor does itself
    io_uring ring_{};
    int control_ = -1, load_ = -1;
};

}  // namespace agree
