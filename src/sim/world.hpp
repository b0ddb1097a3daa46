// SPDX-License-Identifier: MIT
// One run: a simulated machine with a server, its clients and its mishaps, from the seed to a
// verdict.
#pragma once

#include "device/restarts.hpp"
#include "sim/client.hpp"
#include "sim/server.hpp"

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace ashlar::sim {

struct verdict {
    std::string broken = {};      // empty: all was well
    std::string history = {};     // of a run that broke: the last events, where they were kept
    std::string all_events = {};  // of one that did not
    std::uint64_t hash = 0, events = 0, steps = 0, virtual_ns = 0;
    client_counters clients = {};
    std::array<std::uint64_t, mishap_kinds> mishaps = {};  // that happened
    std::uint64_t servers = 0, recoveries = 0;
    bool call_failed = false;  // one of plan::failing
};

// Trace entries to keep for `history`.
verdict run_plan(const plan& p, std::size_t history = 0);

class world final : public surroundings {
public:
    world(const plan& p, std::size_t history);
    ~world() override;

    verdict run();

    // ---- surroundings ----
    twin::kernel& kernel() override { return kernel_; }
    oracle& truth() override { return oracle_; }
    client_counters& counters() override { return verdict_.clients; }
    bool may_fail(const operation& o, std::uint64_t since_step, int error) override;
    void broken(std::string what) override;
    void client_finished() override { clients_left_ -= 1; }

private:
    // A time in which some errors have a reason.
    struct trouble {
        std::uint64_t from, until;
        unsigned errors;
    };

    [[nodiscard]] bool is_broken() const { return !verdict_.broken.empty(); }
    void work();
    void settle();
    bool stop_server();
    void verify();
    void plan_next();
    void look_after_servers();
    bool step();
    template <class F>
    bool run_until(F&& condition);
    std::unique_ptr<server> make_server(server::heritage from);
    void start_server();
    void server_is_over();
    [[nodiscard]] bool may_be_ended_late() const;
    void happen(const mishap& m);
    void see_failed_call();
    void cut_power();
    void begin_upgrade(const mishap& m, unsigned errors);
    void install_successor();
    void kill_successor(unsigned errors);
    [[nodiscard]] bool successor_is_due();
    void retire(std::unique_ptr<server> old);
    bool look_after_upgrade();
    void kill_server(const mishap& m);
    void kill_successor_on_purpose();
    void replace_server();
    void rest_after_death(std::uint64_t unkept_ns);
    void begin_trouble(unsigned errors);
    void end_trouble();
    static void on_server_change(void* self);
    static void rested(void* self, std::uint64_t generation);
    void rest(std::uint64_t ns);

    const plan& plan_;
    client_plan reading_;  // at the end
    // Before the kernel: it goes first, and what is under way then ends, here.
    std::vector<std::unique_ptr<client>> clients_;
    twin::kernel kernel_;
    storage storage_;
    oracle oracle_;
    verdict verdict_;
    unsigned clients_left_ = 0;
    std::unique_ptr<server> server_;
    // Of an upgrade: the new server until it serves, and the old one from then on.
    std::unique_ptr<server> successor_, retired_;
    std::uint64_t successor_dies_ = ~std::uint64_t{0};
    bool disturbed_ = false;  // by something else
    // What a keeper knows: who has served last, since when, and how the ones before it fared.
    int last_server_ = 0;
    std::uint64_t serving_since_ = 0;
    device_room::restarts restarts_;
    std::vector<std::unique_ptr<stranger>> strangers_;
    std::vector<trouble> troubles_;
    bool in_trouble_ = false;
    std::size_t next_mishap_ = 0;
    std::uint64_t next_step_ = ~std::uint64_t{0}, steps_left_ = 0;
    std::uint64_t rest_generation_ = 0;
    bool attention_ = false, resting_ = false, stopping_on_purpose_ = false;
    bool calls_fail_ = false, failure_seen_ = false;  // of a planned failure of a call
    unsigned failures_in_a_row_ = 0;
};

}  // namespace ashlar::sim
