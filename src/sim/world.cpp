// SPDX-License-Identifier: MIT
#include "sim/world.hpp"

#include "twin/driver.hpp"
#include "twin/stepped.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::sim {

namespace {

constexpr std::uint64_t virtual_limit_ns = 1200ULL * 1'000'000'000;

twin::kernel_options options_of(const plan& p) {
    return {.version = p.version, .seed = p.seed, .manner = p.manner};
}

// The target file keeps its promises also where a sync fails at the same time, for as long as the
// server lives that knows of it.
bool keeps_promises(const plan& p) {
    const bool on_file = p.what == medium::file || p.what == medium::canary_sync;
    return on_file && std::ranges::all_of(p.mishaps, [](const mishap& m) {
               return m.what == mishap::kind::power_cut;
           });
}

oracle_terms terms_of(const plan& p) {
    const twin::file_faults& f = p.faults;
    const bool failures = f.sync_error + f.write_error + f.no_space + f.again != 0;
    return {.sectors = p.sectors,
            .power_may_fail = p.has(mishap::kind::power_cut) && p.what != medium::ram,
            .every_write_is_durable = p.what == medium::through,
            .syncs_may_fail = failures && !keeps_promises(p)};
}

}  // namespace

verdict run_plan(const plan& p, std::size_t history) {
    world w(p, history);
    return w.run();
}

world::world(const plan& p, std::size_t history)
    : plan_(p), kernel_(options_of(p)), storage_(make_storage(kernel_, p)), oracle_(terms_of(p)) {
    if (history != 0) kernel_.log().keep(history);
    for (unsigned i = 0; i < p.clients.size(); ++i) {
        clients_.push_back(std::make_unique<client>(*this, i, p.clients[i], p.id));
    }
    clients_left_ = static_cast<unsigned>(clients_.size());
    // Failures and delays may cost many steps; a run that stands still in circles still has an end.
    steps_left_ = 500'000 + p.operations() * 5'000;
}

world::~world() {
    const auto lost = {server_.get(), successor_.get(), retired_.get()};
    const bool any = std::ranges::any_of(lost, [](const server* s) { return s != nullptr; });
    if (any || !strangers_.empty()) kernel_.cut_power();
    for (server* s : lost) {
        if (s != nullptr) s->lose();
    }
    for (auto& s : strangers_) s->lose();
    for (auto& c : clients_) c->power_cut();
    ++rest_generation_;
}

verdict world::run() {
    plan_next();
    work();
    if (!is_broken()) settle();
    verdict_.hash = kernel_.log().hash();
    verdict_.events = kernel_.log().count();
    verdict_.steps = kernel_.steps().steps();
    verdict_.virtual_ns = kernel_.exec().now();
    (is_broken() ? verdict_.history : verdict_.all_events) = kernel_.log().text();
    return verdict_;
}

void world::broken(std::string what) {
    if (is_broken()) return;
    verdict_.broken = fmt::format("step {}: {}", kernel_.steps().steps(), what);
    kernel_.log().add("the simulation found a fault");
}

bool world::step() {
    // First what has come, or the end of one trouble would be taken for that of the next.
    while (attention_) look_after_servers();
    if (successor_is_due()) kill_successor_on_purpose();
    if (kernel_.steps().steps() >= next_step_) {
        const mishap& m = plan_.mishaps[next_mishap_++];
        plan_next();
        happen(m);
    }
    kernel_.log().set_time(kernel_.exec().now());
    const bool moved = kernel_.steps().step();
    if (calls_fail_ && !failure_seen_ && kernel_.failed_a_call()) see_failed_call();
    if (!kernel_.accusations().empty()) broken(kernel_.accusations().front());
    if (is_broken()) return false;
    if (moved && --steps_left_ != 0 && kernel_.exec().now() < virtual_limit_ns) return true;
    std::string text = moved ? "this does not end" : "nothing goes on any more";
    for (const auto& c : clients_) text += "\n" + c->waits_for();
    broken(text + "\n" + kernel_.ublk().describe(plan_.id) + "\n" + kernel_.steps().waiting());
    return false;
}

// When the next mishap is due.
void world::plan_next() {
    const bool more = next_mishap_ != plan_.mishaps.size();
    const bool known = more && !plan_.mishaps[next_mishap_].serving;
    next_step_ =
        known ? kernel_.steps().steps() + plan_.mishaps[next_mishap_].after : ~std::uint64_t{0};
}

template <class F>
bool world::run_until(F&& condition) {
    while (!condition()) {
        if (!step()) return false;
    }
    return true;
}

void world::work() {
    start_server();
    for (auto& c : clients_) c->begin();
    run_until([this] { return clients_left_ == 0; });
    next_step_ = ~std::uint64_t{0};
}

// Nothing fails any more: a server comes up, the disk holds what it should, and goes away whole.
void world::settle() {
    if (plan_.failing.call == 0) kernel_.fail_call(0, 0);
    if (storage_.disk != nullptr) storage_.disk->faults = {};
    const auto serves = [this] {
        return server_ && server_->reached() == server::stage::serving && !resting_ &&
               !successor_ && !retired_ &&
               std::ranges::all_of(strangers_, [](const auto& s) { return s->over(); });
    };
    if (!run_until(serves)) return;
    if (server_->helper() != nullptr && !server_->helper()->helps()) {
        replace_server();
        if (!run_until(serves)) return;
    }
    verify();
    // A quiesce that was begun before may have ended the server meanwhile.
    do {
        if (is_broken() || !run_until(serves)) return;
    } while (!stop_server());
    strangers_.clear();
    const std::string left = kernel_.leaks();
    if (!left.empty()) return broken("left behind: " + left);
    if (!kernel_.ublk().ids().empty()) broken("a device is left behind");
}

// False if the stop failed, for a reason: then another server has to clear it away.
bool world::stop_server() {
    stopping_on_purpose_ = true;
    server_->tell_to_stop();
    if (!run_until([this] { return server_->over(); })) return false;
    if (const std::string left = server_->process().leaks(); !left.empty()) {
        broken("the server's process ended and left " + left);
    }
    const bool well = server_->reached() == server::stage::ended;
    if (!well && !kernel_.failed_a_call()) {
        broken("the server's stop failed: " + server_->failure_text());
    }
    verdict_.call_failed = verdict_.call_failed || kernel_.failed_a_call();
    kernel_.fail_call(0, 0);
    server_.reset();
    stopping_on_purpose_ = false;
    if (!well) rest(0);
    return well;
}

// Reads all of the disk.
void world::verify() {
    client_plan& all = reading_;
    all = {.width = 4};
    const std::uint64_t part = std::max<std::uint64_t>(plan_.block, 4096) / sector_bytes;
    for (std::uint64_t at = 0; at < plan_.sectors; at += part) {
        const std::uint64_t length = std::min(part, plan_.sectors - at);
        all.operations.push_back({.sector = static_cast<std::uint32_t>(at),
                                  .sectors = static_cast<std::uint32_t>(length)});
    }
    client& reader = *clients_.emplace_back(
        std::make_unique<client>(*this, static_cast<unsigned>(clients_.size()), all, plan_.id));
    clients_left_ += 1;
    reader.begin();
    run_until([this] { return clients_left_ == 0; });
}

void world::begin_trouble(unsigned errors) {
    if (!in_trouble_) troubles_.push_back({kernel_.steps().steps(), ~std::uint64_t{0}, 0});
    in_trouble_ = true;
    troubles_.back().errors |= errors;
}

void world::end_trouble() {
    if (in_trouble_) troubles_.back().until = kernel_.steps().steps();
    in_trouble_ = false;
}

void world::on_server_change(void* self) { static_cast<world*>(self)->attention_ = true; }

void world::rested(void* self, std::uint64_t generation) {
    auto& w = *static_cast<world*>(self);
    if (generation != w.rest_generation_) return;
    w.resting_ = false;
    w.attention_ = true;
}

void world::rest(std::uint64_t ns) {
    resting_ = true;
    twin::executor& e = kernel_.exec();
    e.at(e.now() + ns, {&world::rested, this, ++rest_generation_});
}

}  // namespace ashlar::sim
