// SPDX-License-Identifier: MIT
#include "device/threads.hpp"

#include "base/try.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <thread>

namespace ashlar {

namespace {

// Of one ring. What does not fit goes down first: more would only cost memory.
constexpr unsigned entries = 1024;

}  // namespace

result<std::shared_ptr<threads::implementation>> threads::implementation::start(os::machine& m,
                                                                                unsigned count) {
    std::shared_ptr<implementation> made(new implementation(m));
    for (unsigned n = 0; n < count; ++n) {
        ASHLAR_TRY(auto thread,
                   queue::serving_thread::start(m, {.name = fmt::format("ashlar t{}", n),
                                                    .cpus = {},
                                                    .entries = entries,
                                                    .shared = true}));
        made->all_.push_back({.thread = std::move(thread)});
    }
    return made;
}

queue::loop& threads::implementation::take_place() {
    std::lock_guard lock(*monitor_);
    one& least = *std::ranges::min_element(all_, {}, &one::queues);
    least.queues += 1;
    return least.thread->work();
}

void threads::implementation::give_back_place(const queue::loop& where) {
    std::lock_guard lock(*monitor_);
    for (one& o : all_) {
        if (&o.thread->work() == &where) o.queues -= 1;
    }
}

void threads::implementation::keep(std::shared_ptr<void> abandoned) {
    std::lock_guard lock(*monitor_);
    kept_.push_back(std::move(abandoned));
}

result<threads> threads::start(unsigned count) {
    if (count == 0) count = std::max(std::thread::hardware_concurrency(), 1U);
    ASHLAR_TRY(auto inside, implementation::start(os::linux_machine(), count));
    return threads(std::move(inside));
}

unsigned threads::count() const noexcept { return inside_ ? inside_->count() : 0; }

}  // namespace ashlar
