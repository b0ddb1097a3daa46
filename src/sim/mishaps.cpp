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

unsigned errors_of_disk(const twin::file_faults& f, uapi::op op) {
    unsigned errors = 0;
    if (op == uapi::op::read ? f.read_error != 0 : f.write_error + f.sync_error != 0) errors |= io;
    if (op != uapi::op::read && f.no_space != 0) errors |= no_space;
    if (f.again != 0) errors |= again | io;
    return errors;
}

constexpr std::uint64_t retry_ns = 10'000'000;
constexpr unsigned patience = 100;  // servers that fail one after the other

}  // namespace

bool world::may_fail(const operation& o, std::uint64_t since_step, int error) {
    unsigned errors = errors_of_disk(storage_.disk ? storage_.disk->faults : plan_.faults, o.op);
    for (const trouble& t : troubles_) {
        if (t.until >= since_step) errors |= t.errors;
    }
    return (errors & bit_of(error)) != 0;
}

void world::start_server() {
    server_ = std::make_unique<server>(kernel_, plan_, storage_);
    server_->changed = &world::on_server_change;
    server_->who = this;
    attention_ = server_->over();
    verdict_.servers += 1;
    const failing_call& f = plan_.failing;
    if (f.call != 0 && f.server == verdict_.servers) {
        calls_fail_ = true;
        failure_seen_ = false;
        kernel_.fail_call(f.call, f.code, f.for_ever);
    }
}

void world::look_after_servers() {
    attention_ = false;
    if (!server_) {
        if (!resting_) start_server();
        return;
    }
    if (server_->reached() == server::stage::serving) {
        if (server_->took_over()) verdict_.recoveries += 1;
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
    rest(has_failed ? retry_ns : 0);
}

void world::happen(const mishap& m) {
    const bool alive = server_ && !server_->over();
    const bool serving = alive && server_->reached() == server::stage::serving;
    const bool at_any_time = m.what == mishap::kind::kill || m.what == mishap::kind::failed_call;
    const bool counts = m.what == mishap::kind::power_cut || (at_any_time && alive) || serving;
    if (!counts) return;
    verdict_.mishaps[static_cast<unsigned>(m.what)] += 1;
    switch (m.what) {
        case mishap::kind::kill: {
            const bool whole =
                serving || (server_->took_over() && server_->reached() == server::stage::beginning);
            begin_trouble(errors_of_death(plan_.recovery) | (whole ? 0 : io | device_gone));
            server_->kill();
            server_.reset();
            rest(m.rest_us * std::uint64_t{1000});
            break;
        }
        case mishap::kind::power_cut:
            cut_power();
            rest(m.rest_us * std::uint64_t{1000});
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

// The trouble that began when the failure was planned may be over by now.
void world::see_failed_call() {
    failure_seen_ = true;
    begin_trouble(io | device_gone | errors_of_death(plan_.recovery));
}

void world::cut_power() {
    begin_trouble(io | device_gone);
    kernel_.cut_power();
    if (server_) server_->lose();
    server_.reset();
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
