// SPDX-License-Identifier: MIT
// The broker of a simulated server: another process, which sends its control commands. It may die,
// or hear and never answer.
#pragma once

#include "twin/process.hpp"
#include "uapi/ublk.hpp"

#include <array>
#include <memory>
#include <optional>

namespace ashlar::sim {

class broker final : public os::broker {
public:
    explicit broker(twin::kernel& k);
    broker(const broker&) = delete;
    broker& operator=(const broker&) = delete;
    // Of one that has ended, was killed, or lost.
    ~broker() override;

    // By its server, at its own end. Waits for what is under way.
    void end();
    void kill();
    void fall_silent() { silent_ = true; }
    void lose() { gone_ = true; }
    // No command comes back any more.
    [[nodiscard]] bool helps() const { return !gone_ && !silent_; }

    // ---- for the server ----
    result<> open_driver(bool load) override;
    int command(std::uint32_t number, std::span<const std::byte> header,
                std::span<std::byte> payload, std::uint64_t limit_ns) override;
    [[nodiscard]] std::optional<bool> is_admin() const override { return process_.who().admin; }
    std::vector<os::holder> holders_of(const std::string& disk) override {
        return process_.holders_of(disk);
    }

private:
    struct question {
        std::uint64_t number_of_it = 0;  // 0: none
        bool is_command = false;         // else the driver is to be opened
        std::uint32_t command = 0;
        std::size_t bytes = 0;  // of the payload
        std::uint64_t limit_ns = 0;
        uapi::ctrl_cmd header = {};
        std::array<std::byte, 4096> payload = {};
    };
    int ask(const question& q, std::span<std::byte> payload, std::uint64_t limit_ns);
    void live();

    twin::kernel& kernel_;
    twin::process& process_;
    std::unique_ptr<os::thread> thread_;
    twin::wait_queue asked_, answered_, free_;
    bool asking_ = false, ends_ = false, gone_ = false, silent_ = false;
    question question_;
    std::uint64_t questions_ = 0, answered_to_ = 0;
    int outcome_ = 0;
};

}  // namespace ashlar::sim
