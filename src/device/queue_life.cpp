// SPDX-License-Identifier: MIT
#include "device/queue_life.hpp"

#include "base/try.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <mutex>

namespace ashlar {

std::string device::implementation::queue_life::name() const {
    const std::string queue = fmt::format("ashlar {}q{}", spec_.device, spec_.id);
    return spec_.parts == 1 ? queue : fmt::format("{}.{}", queue, spec_.part);
}

result<> device::implementation::queue_life::begin(std::span<const unsigned> cpus) {
    if (home_->wanted_.threads) {
        among_ = home_->wanted_.threads.inside();
        where_ = &among_->take_place();
    } else {
        ASHLAR_TRY(own_,
                   queue::serving_thread::start(
                       *spec_.machine, {.name = name(),
                                        .cpus = cpus,
                                        .entries = queue::queue::entries(spec_, home_->target_),
                                        .shared = false,
                                        .spin_ns = home_->wanted_.spin_us * std::uint64_t{1000}}));
        where_ = &own_->work();
    }
    where_->post([me = shared_from_this()] { me->open(); });
    return {};
}

void device::implementation::queue_life::fail(error e) {
    std::lock_guard lock(*monitor_);
    failed = std::move(e);
    has_failed = true;
}

void device::implementation::queue_life::reach(stage s) {
    std::lock_guard lock(*monitor_);
    reached = s;
    monitor_->notify_all();
}

// On the serving thread, as all that follows up to `post`.
void device::implementation::queue_life::open() {
    try {
        auto opened = queue::queue::open(spec_, home_->target_, counters, *where_, *this);
        if (!opened) {
            fail(std::move(opened).error());
            return tell_end();
        }
        served_ = std::move(*opened);
        reach(stage::mapped);
        auto fetched = served_->fetch_all();
        if (fetched) {
            // Not before: the kernel looks for partitions only if those who fetched might have. A
            // shared thread may have others to fetch.
            if (!shared()) spec_.machine->give_up_rights();
            return reach(stage::fetched);
        }
        fail(std::move(fetched).error());
        served_->leave();
    } catch (const std::bad_alloc&) {
        fail({.operation = "start a queue",
              .object = fmt::format("queue {}", spec_.id),
              .code = ENOMEM,
              .why = "no memory for its tags",
              .remedy = "use a smaller depth or fewer queues"});
        if (served_) served_->leave();
        else tell_end();
    }
}

void device::implementation::queue_life::queue_held() {
    std::lock_guard lock(*monitor_);
    held = true;
    monitor_->notify_all();
}

// A thread of its own has its ring to close in the end, and takes back all that way. In a shared
// ring the device has to see to it.
void device::implementation::queue_life::queue_comes_back() {
    if (!shared()) return;
    std::lock_guard lock(*monitor_);
    if (home_ == nullptr) return;
    home_->queues_ended_.fetch_add(1, std::memory_order_release);
    spec_.machine->wakeup_signal(home_->ended_fd_, 1);
    monitor_->notify_all();
}

void device::implementation::queue_life::queue_ended() {
    over_ = true;
    if (shared()) served_.reset();
    tell_end();
}

// The device may be gone as soon as it knows.
void device::implementation::queue_life::tell_end() {
    over_ = true;
    const auto monitor = monitor_;
    std::lock_guard lock(*monitor);
    if (home_ == nullptr) return;
    reached = stage::ended;
    home_->queues_ended_.fetch_add(1, std::memory_order_release);
    spec_.machine->wakeup_signal(home_->ended_fd_, 1);
    monitor->notify_all();
}

template <class F>
void device::implementation::queue_life::post(F&& act) {
    where_->post([me = shared_from_this(), act] {
        if (me->served_ && !me->over_) act(*me->served_);
    });
}

void device::implementation::queue_life::hold() {
    post([](queue::queue& q) { q.hold(); });
}

void device::implementation::queue_life::go_on(std::uint64_t size) {
    post([size](queue::queue& q) { q.go_on(size); });
}

void device::implementation::queue_life::leave() {
    post([](queue::queue& q) { q.leave(); });
}

void device::implementation::queue_life::close() {
    if (!begun()) return;
    own_.reset();
    served_.reset();
    if (among_) among_->give_back_place(*where_);
    among_.reset();
    where_ = nullptr;
}

// The serving thread's ring still knows the queue, which lives as long as it.
void device::implementation::queue_life::abandon() {
    {
        std::lock_guard lock(*monitor_);
        home_ = nullptr;
    }
    post([](queue::queue& q) { q.abandon(); });
    const auto among = std::move(among_);
    among->give_back_place(*std::exchange(where_, nullptr));
    among->keep(shared_from_this());
}

}  // namespace ashlar
