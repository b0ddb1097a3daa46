// SPDX-License-Identifier: MIT
// What happens to the servers of a run, what follows of it, and which errors it explains.
#include "sim/world.hpp"
#include "twin/driver.hpp"
#include "twin/stepped.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace ashlar::sim {

namespace {

constexpr unsigned io = 1, no_space = 2, again = 4, target_gone = 8, device_gone = 16;

unsigned bit_of(int error) {
    switch (-error) {
        case EIO: return io;
        case ENOSPC: return no_space;
        case EAGAIN: return again;
        case EREMOTEIO: return target_gone;
        case ENODEV:
        case ENXIO: return device_gone;
        default: return 0;
    }
}

// What the users of a disk see of its server's death, by its mode of recovery.
unsigned errors_of_death(recovery mode) {
    switch (mode) {
        case recovery::none: return io | device_gone;
        case recovery::wait: return io;
        case recovery::reissue: return 0;
        case recovery::fail: return io | target_gone;
    }
    return 0;
}

// Where the kernel can quiesce the device, what the server has is answered and the rest waits. Else
// what comes just then fares as if the server had died, and `ashlar upgrade` asks before.
unsigned errors_of_hand_over(const plan& p) {
    const bool can_quiesce = p.version.at_least(6, 16) && p.delivery != delivery::in_batches;
    return can_quiesce && p.recovery == recovery::wait ? 0 : errors_of_death(p.recovery);
}

unsigned errors_of_disk(const twin::file_faults& f, uapi::op op) {
    unsigned errors = 0;
    if (op == uapi::op::read ? f.read_error != 0 : f.write_error + f.sync_error != 0) errors |= io;
    if (op != uapi::op::read && f.no_space != 0) errors |= no_space;
    if (f.again != 0) errors |= again | io;
    return errors;
}

constexpr std::uint64_t retry_ns = 10'000'000;
constexpr std::uint64_t told_again_ns = 60'000'000'000;
constexpr unsigned patience = 100;  // servers that fail one after the other

}  // namespace

bool world::may_fail(const operation& o, std::uint64_t since_step, int error) {
    unsigned errors = errors_of_disk(storage_.disk ? storage_.disk->faults : plan_.faults, o.op);
    for (const trouble& t : troubles_) {
        if (t.until >= since_step) errors |= t.errors;
    }
    return (errors & bit_of(error)) != 0;
}

std::unique_ptr<server> world::make_server(server::heritage from) {
    auto made = std::make_unique<server>(kernel_, plan_, storage_, from);
    made->changed = &world::on_server_change;
    made->who = this;
    attention_ = made->over();
    verdict_.servers += 1;
    return made;
}

void world::start_server() {
    server_ = make_server({.ended = plan_.kept ? last_server_ : 0});
    const failing_call& f = plan_.failing;
    if (f.call != 0 && f.server == verdict_.servers) {
        calls_fail_ = true;
        failure_seen_ = false;
        kernel_.fail_call(f.call, f.code, f.for_ever);
    }
}

void world::look_after_servers() {
    attention_ = false;
    if (look_after_upgrade()) return;
    if (!server_) {
        if (!resting_) start_server();
        return;
    }
    if (server_->reached() == server::stage::serving) {
        if (const char* said = server_->misjudged()) {
            return broken(
                fmt::format("a keeper takes a device that waits for one that is {}", said));
        }
        if (server_->took_over()) verdict_.recoveries += 1;
        last_server_ = server_->process().pid();
        serving_since_ = kernel_.exec().now();
        failures_in_a_row_ = 0;
        if (next_mishap_ != plan_.mishaps.size() && plan_.mishaps[next_mishap_].serving) {
            next_step_ = kernel_.steps().steps() + plan_.mishaps[next_mishap_].after;
        }
        bool strangers_are_over = true;
        for (const auto& s : strangers_) strangers_are_over = strangers_are_over && s->over();
        if (strangers_are_over) {
            strangers_.clear();
            end_trouble();
        }
    } else if (server_->reached() == server::stage::stopping && may_be_ended_late()) {
        begin_trouble(io | device_gone);
    } else if (server_->over() && !stopping_on_purpose_) {
        server_is_over();
    }
}

// Up to 6.14 the work that ends a dead server's round may come late, and end the next one's.
bool world::may_be_ended_late() const {
    return !plan_.version.at_least(6, 15) && server_->took_over();
}

void world::server_is_over() {
    const bool has_failed = server_->reached() == server::stage::failed;
    const bool reason = in_trouble_ || calls_fail_ || may_be_ended_late();
    if (!reason) {
        return broken(has_failed ? "a server failed without a reason: " + server_->failure_text()
                                 : std::string("a server ended by itself"));
    }
    if (has_failed && ++failures_in_a_row_ == patience) {
        return broken("no server comes up: " + server_->failure_text());
    }
    if (const std::string left = server_->process().leaks(); !left.empty()) {
        return broken("a server's process ended and left " + left);
    }
    if (!has_failed && kernel_.ublk().has_block(plan_.id)) {
        return broken("a server ended as if it had stopped its device");
    }
    const bool took_over = server_->took_over();
    begin_trouble(took_over ? errors_of_death(plan_.recovery) : io | device_gone);
    server_.reset();
    if (kernel_.failed_a_call()) {
        const failing_call& f = plan_.failing;
        const bool once = f.call != 0 && !f.for_ever;
        if (once && f.server == 1 && !took_over && !kernel_.ublk().ids().empty()) {
            return broken("a server that could not start left its device");
        }
        verdict_.call_failed = true;
        calls_fail_ = false;
        kernel_.fail_call(0, 0);
    }
    rest_after_death(has_failed ? retry_ns : 0);
}

// A keeper that has given up is told to try again, after a while.
void world::rest_after_death(std::uint64_t unkept_ns) {
    if (!plan_.kept) return rest(unkept_ns);
    if (serving_since_ != 0) restarts_.server_ended(kernel_.exec().now() - serving_since_);
    serving_since_ = 0;
    const auto pause = restarts_.next_pause_ns();
    if (pause) return rest(*pause);
    restarts_.begin_anew();
    rest(told_again_ns);
}

void world::happen(const mishap& m) {
    const bool alive = server_ && !server_->over();
    const bool serving = alive && server_->reached() == server::stage::serving;
    const bool at_any_time = m.what == mishap::kind::kill || m.what == mishap::kind::failed_call ||
                             m.what == mishap::kind::broker_ends;
    const bool counts = m.what == mishap::kind::power_cut || (at_any_time && alive) || serving;
    if (!counts) return;
    if (m.what == mishap::kind::broker_ends && server_->helper() == nullptr) return;
    if (m.what == mishap::kind::upgrade && (successor_ || retired_)) return;
    verdict_.mishaps[static_cast<unsigned>(m.what)] += 1;
    disturbed_ = true;
    switch (m.what) {
        case mishap::kind::kill: kill_server(m); break;
        case mishap::kind::upgrade: begin_upgrade(m, errors_of_hand_over(plan_)); break;
        case mishap::kind::power_cut:
            cut_power();
            rest(m.rest_us * std::uint64_t{1000});
            break;
        case mishap::kind::broker_ends:
            // What it was asked for fails, and so does what comes later.
            begin_trouble(io | device_gone | errors_of_death(plan_.recovery));
            if (m.number != 0) server_->helper()->fall_silent();
            else server_->helper()->kill();
            break;
        case mishap::kind::restart:
            begin_trouble(io | device_gone);
            server_->tell_to_stop();
            break;
        case mishap::kind::foreign_stop:
        case mishap::kind::foreign_delete:
            begin_trouble(io | device_gone);
            // Before 6.9 two who delete one device at a time wait for each other, for ever.
            strangers_.push_back(std::make_unique<stranger>(
                kernel_, plan_.id,
                m.what == mishap::kind::foreign_delete && plan_.version.at_least(6, 9)
                    ? stranger::deed::remove
                    : stranger::deed::stop));
            break;
        case mishap::kind::foreign_quiesce:
            // What the server has is answered, and the rest waits, unless it may fail by its mode.
            begin_trouble(plan_.recovery == recovery::fail ? io | target_gone : 0);
            strangers_.push_back(
                std::make_unique<stranger>(kernel_, plan_.id, stranger::deed::quiesce));
            break;
        case mishap::kind::failed_call:
            calls_fail_ = true;
            failure_seen_ = false;
            begin_trouble(io | device_gone | errors_of_death(plan_.recovery));
            kernel_.fail_call(m.number, m.code);
            break;
    }
}

// Of an upgrade, the one or the other.
void world::kill_server(const mishap& m) {
    if (successor_ && m.number % 2 == 1) return kill_successor_on_purpose();
    const server::stage reached = server_->reached();
    const bool whole = reached == server::stage::serving ||
                       (server_->took_over() && reached == server::stage::beginning);
    begin_trouble(errors_of_death(plan_.recovery) | (whole ? 0 : io | device_gone));
    server_->kill();
    server_.reset();
    if (successor_) return install_successor();
    rest_after_death(m.rest_us * std::uint64_t{1000});
}

// Its broker helps no more, so that it can't end in good order: another one has to.
void world::replace_server() {
    begin_trouble(io | device_gone | errors_of_death(plan_.recovery));
    server_->kill();
    server_.reset();
    rest_after_death(0);
}

void world::kill_successor_on_purpose() { kill_successor(errors_of_death(plan_.recovery)); }

// The trouble that began when the failure was planned may be over by now.
void world::see_failed_call() {
    failure_seen_ = true;
    begin_trouble(io | device_gone | errors_of_death(plan_.recovery));
}

void world::cut_power() {
    begin_trouble(io | device_gone);
    last_server_ = 0;
    serving_since_ = 0;
    restarts_ = {};
    kernel_.cut_power();
    for (auto* s : {&server_, &successor_, &retired_}) {
        if (*s) (*s)->lose();
        s->reset();
    }
    for (auto& s : strangers_) s->lose();
    strangers_.clear();
    std::ranges::fill(storage_.memory, std::byte{0});
    oracle_.cut_power(plan_.what == medium::ram);
    for (auto& c : clients_) {
        c->power_cut();
        c->begin();
    }
}

}  // namespace ashlar::sim
