// SPDX-License-Identifier: MIT
#include "twin/stepped.hpp"

#include "twin/fiber_stack.hpp"
#include "twin/process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ashlar::twin {

namespace {

// What a step costs: enough for limits of time to run out in what never ends.
constexpr std::uint64_t step_ns = 1000;

// The executor whose new fiber is about to run: a fiber's entry takes no argument.
thread_local stepped_executor* entering = nullptr;

}  // namespace

struct stepped_executor::fiber {
    fiber_context context;
    task number = 0;
    process* owner = nullptr;
    std::string name;
    std::function<void()> body;
    wait_queue* on = nullptr;  // what it waits for
    wait_queue ended{.what = "a thread's end"};
    std::uint64_t sleep = 0;  // counts its sleeps
    bool woken = false, timed_out = false, done = false, dropped = false;
};

// Waits for a task's end, as a thread's owner does.
class fiber_thread final : public os::thread {
public:
    fiber_thread(stepped_executor& e, std::shared_ptr<stepped_executor::fiber> f)
        : executor_(e), fiber_(std::move(f)) {}
    ~fiber_thread() override {
        executor_.wait_until(fiber_->ended, os::no_timeout, [&] { return fiber_->done; });
    }

private:
    stepped_executor& executor_;
    std::shared_ptr<stepped_executor::fiber> fiber_;
};

stepped_executor::stepped_executor(random& choices, bool any_order)
    : choices_(choices), any_order_(any_order), root_(std::make_unique<fiber>()) {
    root_->number = 1;
    root_->name = "the caller";
    current_ = root_.get();
}

stepped_executor::~stepped_executor() {
    for (auto& f : fibers_) {
        f->on = nullptr;  // what they wait for may be gone already
        drop(*f);
    }
}

task stepped_executor::current() const { return current_->number; }
process* stepped_executor::running() const { return current_->owner; }

std::shared_ptr<stepped_executor::fiber> stepped_executor::make(process* owner, std::string name,
                                                                std::function<void()> body) {
    auto f = std::make_shared<fiber>();
    f->number = ++last_task_;
    f->owner = owner;
    f->name = std::move(name);
    f->body = std::move(body);
    f->context.stack = fiber_stack::take();
    prepare_fiber(f->context, &stepped_executor::entered);
    fibers_.push_back(f);
    ready_.push_back(f.get());
    return f;
}

result<std::unique_ptr<os::thread>> stepped_executor::start_thread(process& owner,
                                                                   const std::string& name,
                                                                   std::function<void()> body) {
    return std::make_unique<fiber_thread>(*this, make(&owner, name, std::move(body)));
}

void stepped_executor::start_worker(const char* name, std::function<void()> body) {
    make(nullptr, name, std::move(body));
}

void stepped_executor::entered() {
    stepped_executor& e = *entering;
    fiber& me = *e.current_;
    arrive_on_fiber(me.context, e.root_->context);
    me.body();
    me.body = nullptr;
    e.finish(me);
    switch_fiber(me.context, e.root_->context, true);
}

// A task has ended by itself; its stack is still in use.
void stepped_executor::finish(fiber& f) {
    if (f.owner != nullptr && task_ended) task_ended(f.number, *f.owner);
    f.done = true;
    wake(f.ended);
    dropped_ = &f;
}

// A task that will never run again.
void stepped_executor::drop(fiber& f) {
    if (f.dropped) return;
    f.dropped = true;
    if (f.on != nullptr) std::erase(f.on->sleepers, &f);
    f.on = nullptr;
    std::erase(ready_, &f);
    const bool ended_well = f.done;
    f.done = true;
    forget_fiber(f.context);
    if (ended_well) {
        fiber_stack::give_back(f.context.stack);
    } else {
        fiber_stack::abandon(f.context.stack);
    }
}

void stepped_executor::run(fiber& f) {
    current_ = &f;
    entering = this;
    if (switched != nullptr) switched(f.owner);
    switch_fiber(root_->context, f.context);
    current_ = root_.get();
    if (switched != nullptr) switched(nullptr);
    if (dropped_ != nullptr) {
        fiber* gone = std::exchange(dropped_, nullptr);
        drop(*gone);
        std::erase_if(fibers_, [gone](const auto& one) { return one.get() == gone; });
    }
}

// Back to the scheduler, until something makes this task ready again.
void stepped_executor::leave() {
    fiber& me = *current_;
    if (&me == root_.get()) {
        while (!me.woken) {
            if (!step()) throw standstill(waiting());
        }
        return;
    }
    switch_fiber(me.context, root_->context);
}

bool stepped_executor::wait(wait_queue& q, std::uint64_t until_ns) {
    if (until_ns <= now_) return false;
    fiber& me = *current_;
    me.woken = me.timed_out = false;
    me.sleep += 1;
    me.on = &q;
    q.sleepers.push_back(&me);
    if (until_ns != os::no_timeout) {
        push_timer({.time = until_ns, .sleeper = me.number, .sleep = me.sleep});
    }
    leave();
    return !me.timed_out;
}

void stepped_executor::wake(wait_queue& q) {
    for (void* sleeper : q.sleepers) {
        auto& f = *static_cast<fiber*>(sleeper);
        f.on = nullptr;
        f.woken = true;
        if (&f != root_.get()) ready_.push_back(&f);
    }
    q.sleepers.clear();
}

void stepped_executor::pause() {
    if (current_ == root_.get()) return;
    ready_.push_back(current_);
    leave();
}

void stepped_executor::push_timer(timer t) {
    t.number = ++timers_made_;
    timers_.push_back(t);
    std::ranges::push_heap(timers_, [](const timer& a, const timer& b) {
        return a.time != b.time ? a.time > b.time : a.number > b.number;
    });
}

void stepped_executor::at(std::uint64_t time_ns, event e) {
    push_timer({.time = time_ns, .what = e});
}

void stepped_executor::fire_timers() {
    while (!timers_.empty() && timers_.front().time <= now_) {
        std::ranges::pop_heap(timers_, [](const timer& a, const timer& b) {
            return a.time != b.time ? a.time > b.time : a.number > b.number;
        });
        const timer due = timers_.back();
        timers_.pop_back();
        if (due.sleeper == 0) {
            events_.push_back(due.what);
            continue;
        }
        fiber* f = nullptr;
        if (due.sleeper == 1) f = root_.get();
        for (auto& one : fibers_) {
            if (one->number == due.sleeper) f = one.get();
        }
        if (f == nullptr || f->on == nullptr || f->sleep != due.sleep) continue;
        std::erase(f->on->sleepers, f);
        f->on = nullptr;
        f->woken = f->timed_out = true;
        if (f != root_.get()) ready_.push_back(f);
    }
}

bool stepped_executor::step() {
    if (before_step) before_step();
    now_ += step_ns;
    fire_timers();
    while (ready_.empty() && events_.empty()) {
        if (root_->woken && root_->on == nullptr && timers_.empty()) return true;
        if (timers_.empty()) return false;
        now_ = std::max(now_, timers_.front().time);
        fire_timers();
        if (root_->timed_out) return true;
    }
    steps_ += 1;
    const std::size_t count = ready_.size() + events_.size();
    std::size_t chosen = any_order_ ? choices_.below(count) : 0;
    if (chosen < ready_.size()) {
        fiber* f = ready_[chosen];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
        run(*f);
        return true;
    }
    chosen -= ready_.size();
    const event e = take_at(events_, chosen, any_order_);
    e.run(e.object, e.argument);
    return true;
}

void stepped_executor::end_tasks_of(process& owner) {
    bool myself = false;
    for (auto& f : fibers_) {
        if (f->owner != &owner || f->done) continue;
        if (f.get() == current_) {
            myself = true;
            continue;
        }
        drop(*f);
        wake(f->ended);
    }
    std::erase_if(fibers_, [](const auto& f) { return f->dropped; });
    if (!myself) return;
    fiber& me = *current_;
    wake(me.ended);
    dropped_ = &me;
    switch_fiber(me.context, root_->context, true);
}

void stepped_executor::end_workers() {
    for (auto& f : fibers_) {
        if (f->owner == nullptr) drop(*f);
    }
    std::erase_if(fibers_, [](const auto& f) { return f->dropped; });
}

std::string stepped_executor::waiting() const {
    std::string text = "nothing can run any more:\n";
    auto tell = [&](const fiber& f) {
        if (f.on == nullptr) return;
        text += fmt::format("  {}{}: waits for {}\n", f.name,
                            f.owner != nullptr ? fmt::format(" (process {})", f.owner->pid()) : "",
                            f.on->what);
    };
    tell(*root_);
    for (const auto& f : fibers_) tell(*f);
    return text;
}

}  // namespace ashlar::twin
