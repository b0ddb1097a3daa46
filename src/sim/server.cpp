// SPDX-License-Identifier: MIT
#include "sim/server.hpp"

#include "base/try.hpp"
#include "control/control.hpp"
#include "device/hand_over.hpp"
#include "device/restarts.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::sim {

namespace {

// How long the driver may take to notice that a server has gone: 6.1 looks every 5 seconds, and
// some kernels only after the block layer's 30 if a server had all tags of a queue.
constexpr std::uint64_t notices_within_ns = 120 * control::second_ns;
constexpr std::uint64_t look_again_ns = 200'000'000;
constexpr std::uint64_t quiesce_limit_ms = 60'000;
constexpr std::uint64_t let_go_limit_ns = 30 * control::second_ns;
constexpr std::uint64_t keeper_waits_ns = 60 * control::second_ns;
constexpr std::uint64_t tick_ns = 5'000'000;  // to see that the device has ended

}  // namespace

server::server(twin::kernel& k, const plan& p, storage& data, heritage from)
    : kernel_(k),
      plan_(p),
      data_(data),
      process_(k.start_process()),
      before_(from.before),
      ended_(from.ended),
      relieves_(from.before != nullptr) {
    if (p.brokered) {
        broker_ = std::make_unique<broker>(k);
        process_.delegate(*broker_);
    }
    auto started = process_.start_thread("server", {}, [this] { live(); });
    if (started) {
        thread_ = std::move(*started);
    } else {
        code_ = started.error().code;
        stage_ = stage::failed;
    }
}

server::~server() {
    thread_.reset();
    if (!killed_) kernel_.end(process_);
}

void server::kill() {
    killed_ = true;
    kernel_.kill(process_);
    if (broker_) broker_->kill();
}

void server::tell_to_stop() {
    twin::locked lock(kernel_.exec());
    stop_ = true;
    kernel_.exec().wake(told_);
}

void server::tell_to_let_go() {
    twin::locked lock(kernel_.exec());
    lets_go_ = true;
    kernel_.exec().wake(told_);
}

void server::reach(stage s) {
    stage_ = s;
    if (changed != nullptr) changed(who);
}

void server::live() {
    auto served = serve();
    if (!served) {
        const std::string text = served.error().text();
        code_ = served.error().code;
        std::ranges::copy_n(text.data(),
                            static_cast<std::ptrdiff_t>(std::min(text.size(), text_.size() - 1)),
                            text_.data());
    }
    if (broker_) broker_->end();
    reach(served ? stage::ended : stage::failed);
}

// True if the device is there and waits for a server.
result<bool> server::clear_the_way() {
    ASHLAR_TRY(auto control, control::control::open(process_, false));
    const std::uint64_t limit = process_.now_ns() + notices_within_ns;
    for (;;) {
        auto info = control->info(plan_.id);
        if (!info) {
            if (info.error().code == ENODEV) return false;
            return failure(std::move(info).error());
        }
        switch (static_cast<uapi::device_state>(info->state)) {
            case uapi::device_state::dead: {
                ASHLAR_CHECK(control->remove(plan_.id));
                return false;
            }
            case uapi::device_state::quiesced:
            case uapi::device_state::fail_io: return true;
            case uapi::device_state::live: break;
        }
        if (process_.now_ns() > limit) {
            return failure({.operation = "wait for the end of the server before", .code = ETIME});
        }
        process_.sleep_ns(look_again_ns);
    }
}

void server::wait_for_end(const device::implementation& served) {
    twin::executor& e = kernel_.exec();
    twin::locked lock(e);
    while (!stop_ && !lets_go_ && !served.ended()) e.wait(told_, e.now() + tick_ns);
}

// True if it says that the device waits for a server; then it does, in a while.
result<bool> server::do_as_keeper_says() {
    using device_room::fate;
    const auto lives = [this](int pid) {
        return std::ranges::any_of(kernel_.processes(),
                                   [pid](const auto& p) { return p->pid() == pid && p->alive(); });
    };
    ASHLAR_TRY(const fate now, device_room::fate_of(process_, plan_.id, ended_, lives));
    if (now == fate::waits) {
        ASHLAR_CHECK(device_room::await_let_go(process_, plan_.id, keeper_waits_ns, false));
        return true;
    }
    ASHLAR_TRY(const bool waits, clear_the_way());
    if (waits) misjudged_ = now == fate::gone ? "gone" : "served elsewhere";
    return waits;
}

// As `ashlar upgrade` does.
result<> server::relieve() {
    has_asked_ = true;
    ASHLAR_CHECK(device_room::ask_to_let_go(process_, plan_.id, [this]() -> result<> {
        if (before_ != nullptr) before_->tell_to_let_go();
        return {};
    }));
    return device_room::await_let_go(process_, plan_.id, let_go_limit_ns, true);
}

result<> server::serve() {
    took_over_ = relieves_;
    if (!relieves_) {
        ASHLAR_TRY(took_over_, ended_ != 0 ? do_as_keeper_says() : clear_the_way());
    }
    ASHLAR_TRY(const int fd, open_storage(plan_, data_, process_));
    using implementation = device::implementation;
    const options wanted = {.name = "sim",
                            .id = plan_.id,
                            .queues = plan_.queues,
                            .depth = plan_.depth,
                            .block_size = plan_.block,
                            .max_io = plan_.max_io,
                            .recovery = plan_.recovery,
                            .lane = plan_.lane,
                            .delivery = plan_.delivery,
                            .load_driver = false};
    result<> outcome;
    {
        const auto begin = [&]() -> result<std::unique_ptr<implementation>> {
            ASHLAR_TRY(target served, make_target(plan_, data_, fd, process_));
            if (!took_over_) return implementation::start(process_, std::move(served), wanted);
            if (relieves_) ASHLAR_CHECK(relieve());
            return implementation::recover(process_, plan_.id, std::move(served), wanted);
        };
        auto begun = begin();
        if (!begun) {
            outcome = failure(std::move(begun).error());
        } else {
            reach(stage::serving);
            // Until it is told to stop, or the device is no longer its own.
            bool serving = true;
            while (serving && outcome) {
                wait_for_end(**begun);
                if (stop_) break;
                lets_go_ = false;
                auto resumed = (*begun)->resume();
                serving = resumed && *resumed;
                if (!resumed) outcome = failure(std::move(resumed).error());
                if (serving) reach(stage::serving);
            }
            reach(stage::stopping);
            if (outcome) outcome = (*begun)->stop(stop_when::now);
        }
    }
    if (fd >= 0) process_.close(fd);
    return outcome;
}

stranger::stranger(twin::kernel& k, std::uint32_t id, deed what)
    : kernel_(k), id_(id), what_(what), process_(k.start_process()) {
    auto started = process_.start_thread("stranger", {}, [this] { live(); });
    if (started) {
        thread_ = std::move(*started);
    } else {
        over_ = true;
    }
}

stranger::~stranger() {
    thread_.reset();
    if (!lost_) kernel_.end(process_);
}

// Whatever comes of it: the server may be about to end, or be gone.
void stranger::live() {
    if (auto control = control::control::open(process_, false)) {
        if (what_ == deed::quiesce) {
            [[maybe_unused]] auto quiesced = (*control)->quiesce(id_, quiesce_limit_ms);
        } else {
            auto stopped = (*control)->stop(id_);
            if (stopped && what_ == deed::remove) stopped = (*control)->remove(id_);
        }
    }
    over_ = true;
}

}  // namespace ashlar::sim
