// SPDX-License-Identifier: MIT
// A new server has the running device handed over, or dies over it: then the old one serves on.
#include "sim/world.hpp"
#include "twin/driver.hpp"
#include "twin/stepped.hpp"

namespace ashlar::sim {

namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};

}  // namespace

void world::begin_upgrade(const mishap& m, unsigned errors) {
    const broker* helper = server_->helper();
    disturbed_ = in_trouble_ || calls_fail_ || !strangers_.empty() ||
                 (helper != nullptr && !helper->helps());
    begin_trouble(errors);
    successor_ = make_server({.before = server_.get()});
    successor_dies_ = m.number == 0 ? never : kernel_.steps().steps() + m.number;
}

// It is the server from now on, wherever it has come to.
void world::install_successor() {
    successor_->forget_before();
    successor_dies_ = never;
    server_ = std::move(successor_);
}

// `errors`: what users see if it served already, and nobody knew.
void world::kill_successor(unsigned errors) {
    if (successor_->has_asked()) begin_trouble(errors);
    else end_trouble();
    successor_->kill();
    successor_.reset();
    successor_dies_ = never;
}

bool world::successor_is_due() { return successor_ && kernel_.steps().steps() >= successor_dies_; }

void world::retire(std::unique_ptr<server> old) {
    if (!old->over()) {
        retired_ = std::move(old);
        return;
    }
    if (const std::string left = old->process().leaks(); !left.empty()) {
        broken("a server that was relieved left " + left);
    }
    if (old->reached() == server::stage::failed && !disturbed_) {
        broken("a server failed when it was relieved: " + old->failure_text());
    }
}

// True if what has happened is no matter of the server itself.
bool world::look_after_upgrade() {
    if (retired_ && retired_->over()) {
        retire(std::move(retired_));
        return true;
    }
    if (!successor_) return false;
    if (successor_->over()) {
        if (!disturbed_ && !kernel_.failed_a_call()) {
            broken("an upgrade failed without a reason: " + successor_->failure_text());
        }
        successor_.reset();
        successor_dies_ = never;
        return true;
    }
    const bool serves = successor_->reached() == server::stage::serving;
    if (!serves && !(server_ && server_->over())) return false;
    if (server_) retire(std::move(server_));
    install_successor();
    return !serves;
}

}  // namespace ashlar::sim
