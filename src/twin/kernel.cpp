// SPDX-License-Identifier: MIT
#include "twin/kernel.hpp"

#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/process.hpp"
#include "twin/stepped.hpp"
#include "twin/threaded.hpp"
#include "twin/uring_operation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ashlar::twin {

namespace {

// Enough for everything that is under way to come to an end when a machine is switched off.
constexpr unsigned last_steps = 1'000'000;
constexpr int first_shared = 3;  // behind the standard descriptors

}  // namespace

struct kernel::pools {
    pool<ring_operation> operations;
    pool<uring_command> commands;
    pool<open_file> files;
};

pool<ring_operation>& kernel::operations() { return pools_->operations; }
pool<uring_command>& kernel::commands() { return pools_->commands; }

kernel::kernel(kernel_options o)
    : options_(std::move(o)),
      contract_(options_.version),
      choices_(options_.seed, "choices"),
      data_(options_.seed, "data"),
      pools_(std::make_unique<pools>()) {
    if (options_.threads) {
        executor_ = std::make_unique<threaded_executor>();
    } else {
        executor_ = std::make_unique<stepped_executor>(choices_, options_.manner.any_order);
    }
    executor_->task_ended = [](task who, process& p) { p.thread_ended(who); };
    blocks_ = std::make_unique<block_layer>(*this);
    driver_ = std::make_unique<driver>(*this);
}

kernel::~kernel() {
    for (auto& p : processes_) kill(*p);
    {
        locked lock(*executor_);
        driver_->power_off();
    }
    if (!options_.threads) {
        steps().before_step = nullptr;
        for (unsigned n = 0; n < last_steps && steps().step(); ++n) {}
    }
    driver_.reset();  // its commands and files are in the pools
    executor_.reset();
}

stepped_executor& kernel::steps() { return dynamic_cast<stepped_executor&>(*executor_); }

process& kernel::start_process(credentials who) {
    locked lock(*executor_);
    return *processes_.emplace_back(std::make_unique<process>(*this, next_pid_++, who));
}

void kernel::kill(process& victim) {
    if (!victim.alive()) return;
    if (!options_.threads && steps().running() == &victim) {
        // Its own stack is in use: the next step does it.
        wait_queue never{.what = "its end"};
        executor_->soon({[](void* p, std::uint64_t) {
                             auto& v = *static_cast<process*>(p);
                             v.home().kill(v);
                         },
                         &victim, 0});
        for (;;) executor_->wait(never);
    }
    executor_->end_tasks_of(victim);
    locked lock(*executor_);
    trace_.add("process {} is killed", static_cast<std::uint64_t>(victim.pid()));
    victim.close_everything();
}

void kernel::end(process& who) {
    locked lock(*executor_);
    trace_.add("process {} ends", static_cast<std::uint64_t>(who.pid()));
    if (const std::string left = who.leaks(); !left.empty())
        accuse("at its end it left open: " + left);
    who.close_everything();
}

file& kernel::make_file(std::string path, std::uint64_t bytes) {
    auto made = std::make_unique<file>(path, bytes);
    return *(files_[std::move(path)] = std::move(made));
}

file* kernel::find_file(const std::string& path) {
    auto found = files_.find(path);
    return found == files_.end() ? nullptr : found->second.get();
}

int kernel::share_file(file& f) {
    shared_.push_back(&f);
    return first_shared + static_cast<int>(shared_.size()) - 1;
}

file* kernel::shared_file(int fd) const {
    const auto index = static_cast<std::size_t>(fd - first_shared);
    return fd >= first_shared && index < shared_.size() ? shared_[index] : nullptr;
}

void kernel::cut_power() {
    for (auto& p : processes_) {
        if (!p->alive()) continue;
        executor_->end_tasks_of(*p);
        p->lose_operations();
    }
    // A ring whose last operation ends leaves the list; it is freed later.
    std::vector<ring*> closing;
    for (const auto& r : closing_) closing.push_back(r.get());
    for (ring* r : closing) r->lose_operations();
    for (auto& p : processes_) kill(*p);
    locked lock(*executor_);
    trace_.add("the power fails");
    if (!options_.threads) {
        // Commands under way are never answered, and their rings never end by themselves.
        steps().end_workers();
        std::ranges::move(closing_, std::back_inserter(lost_rings_));
        closing_.clear();
    }
    driver_->power_off();
    for (auto& [path, f] : files_) f->cut_power(choices_);
    texts.clear();
    directories.clear();
    locked_paths.clear();
    holders.clear();
}

void kernel::accuse(std::string what) {
    trace_.add("the server is accused");
    accusations_.push_back(std::move(what));
}

std::string kernel::leaks() const {
    std::string text;
    for (const auto& p : processes_) {
        if (p->alive()) text += p->leaks();
    }
    if (!closing_.empty()) text += fmt::format("{} rings that don't end; ", closing_.size());
    for (const auto& [path, holder] : locked_paths) text += fmt::format("lock of {}; ", path);
    return text + driver_->leaks();
}

void kernel::fail_call(std::uint64_t n, int code, bool for_ever) {
    locked lock(*executor_);
    fail_at_ = n;
    fail_code_ = code;
    fail_for_ever_ = for_ever;
    calls_ = 0;
    failure_happened_ = false;
}

int kernel::injected_failure() {
    calls_ += 1;
    if (fail_at_ == 0 || calls_ < fail_at_ || (calls_ > fail_at_ && !fail_for_ever_)) return 0;
    failure_happened_ = true;
    trace_.add("call {} fails by plan", calls_);
    return fail_code_;
}

open_file& kernel::new_file(open_file::kind what, process& opener) {
    open_file& f = pools_->files.take();
    f.what = what;
    f.opener = &opener;
    return f;
}

void kernel::forget_file(open_file& f) { pools_->files.give_back(f); }

void kernel::get(open_file& f) { f.references += 1; }

void kernel::put(open_file& f) {
    if (--f.references != 0) return;
    if (f.what == open_file::kind::character) driver_->release_char(f);
    if (f.what == open_file::kind::block) blocks_->close(*f.whole_disk, f.exclusive);
    pools_->files.give_back(f);
}

void kernel::keep_closing(std::unique_ptr<ring> r) {
    if (!r->close()) {
        closing_.push_back(std::move(r));
    } else {
        r->release();
    }
}

void kernel::ring_progressed(ring& r) {
    if (!r.over()) return;
    auto mine = std::ranges::find_if(closing_, [&](const auto& one) { return one.get() == &r; });
    if (mine == closing_.end()) return;  // its close() is still at work
    // Not at once: whoever called may look at the ring again.
    auto* gone = mine->release();
    closing_.erase(mine);
    gone->release();
    executor_->soon({[](void* p, std::uint64_t) { delete static_cast<ring*>(p); }, gone, 0});
}

}  // namespace ashlar::twin
