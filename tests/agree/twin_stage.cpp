// SPDX-License-Identifier: MIT
#include "twin_stage.hpp"

#include "observe.hpp"
#include "twin/driver.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

namespace agree {

namespace twin = ashlar::twin;

namespace {

constexpr std::uint64_t ms = 1'000'000;

twin::kernel_options options_for(ashlar::rules::kernel version) {
    twin::kernel_options o{.version = version, .manner = twin::polite};
    o.manner.partition_scan = true;
    o.manner.scribble = false;
    return o;
}

}  // namespace

twin_stage::twin_stage(const sequence& what, ashlar::rules::kernel version)
    : sequence_(what), kernel_(options_for(version)) {
    kernel_.make_file(regular_path, 0);
    watcher_ = &kernel_.start_process();
    control_ = watcher_->call_open("/dev/ublk-control", O_RDWR);
    [[maybe_unused]] const auto opened =
        watcher_->ring_open(ring_, {.entries = 8, .wide_entries = true});
}

twin_stage::~twin_stage() = default;

void twin_stage::start(unsigned index) {
    processes_[index] = std::make_unique<one_process>();
    one_process& p = *processes_[index];
    const bool admin = index == p_server || index == p_other;
    const std::uint32_t uid = index == p_nobody ? 1000 : 0;
    p.runs = &kernel_.start_process({.admin = true, .uid = uid, .gid = uid});
    p.system = std::make_unique<twin_calls>(*p.runs);
    p.state = std::make_unique<process_state>(*p.system);
    // The twin's node has no mode: who may open it by mode and uid has it open.
    if (index != p_nobody || control_for_all_) {
        p.state->control_fd = p.runs->call_open("/dev/ublk-control", O_RDWR);
    }
    if (!admin) p.runs->drop_admin();
    board_.pids[index] = p.runs->pid();
    for (thread& t : p.threads) {
        t.acts = std::make_unique<actor>(*p.system, *p.state, sequence_, board_);
        auto started = p.runs->start_thread("actor", {}, [this, &t] { act(t); });
        if (started) t.running = std::move(*started);
    }
}

void twin_stage::act(thread& t) {
    while (!t.ended) {
        for (event& e : t.acts->reap()) events_.push_back(std::move(e));
        if (t.todo.empty()) {
            const twin::locked lock(kernel_.exec());
            kernel_.exec().wait(t.told);
            continue;
        }
        const unsigned number = t.todo.front();
        t.todo.pop_front();
        if (auto text = t.acts->perform(number)) events_.push_back({number, std::move(*text)});
        t.ended = sequence_.steps[number].what == op::thread_end;
    }
}

void twin_stage::begin(unsigned number) {
    const step& s = sequence_.steps[number];
    if (s.what == op::mode) {
        control_for_all_ |= s.target == file::control;
        events_.push_back({number, "0"});
        return;
    }
    if (processes_[s.process] == nullptr) start(s.process);
    one_process& p = *processes_[s.process];
    if (!p.runs->alive()) {
        events_.push_back({number, "no such process"});
        return;
    }
    if (s.served) board_.serving = true;
    if (s.what == op::kill) {
        for (thread& t : p.threads) t.acts->abandon();
        kernel_.kill(*p.runs);
        events_.push_back({number, "ended"});
        return;
    }
    p.threads[s.thread].todo.push_back(number);
}

// Lets everything run for a while of the twin's time. Threads look at their rings whenever they are
// woken: a real one is by its poll.
void twin_stage::advance(std::uint64_t ns) {
    time_up_ = false;
    kernel_.exec().at(
        kernel_.exec().now() + ns,
        {.run = [](void* me, std::uint64_t) { static_cast<twin_stage*>(me)->time_up_ = true; },
         .object = this});
    for (auto& p : processes_) {
        if (p == nullptr || !p->runs->alive()) continue;
        for (thread& t : p->threads) kernel_.exec().wake(t.told);
    }
    kernel_.steps().run_until([&] { return time_up_; });
}

std::vector<event> twin_stage::settle(unsigned number) {
    std::vector<event> all;
    for (unsigned quiet = 0; quiet < 12; ++quiet) {
        const std::uint32_t served = board_.served;
        advance(10 * ms);
        if (!events_.empty() || board_.served != served) quiet = 0;
        for (event& e : std::exchange(events_, {})) all.push_back(std::move(e));
    }
    // Until a START that was to be served has ended.
    if (board_.serving) {
        for (const event& e : all) ended_.insert(e.step);
        bool waits = false;
        for (unsigned n = 0; n <= number; ++n) {
            waits |= sequence_.steps[n].served && !ended_.contains(n);
        }
        board_.serving = waits;
    }
    return all;
}

int twin_stage::command(uapi::ctrl_op what, std::uint32_t id, void* payload, std::uint16_t bytes,
                        std::uint16_t path_bytes) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return -EBUSY;
    std::memset(static_cast<void*>(entry), 0, 128);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = control_;
    entry->off = uapi::encoded(what);
    const uapi::ctrl_cmd header{.dev_id = id,
                                .len = bytes,
                                .addr = reinterpret_cast<std::uintptr_t>(payload),
                                .dev_path_len = path_bytes};
    std::memcpy(reinterpret_cast<std::byte*>(entry) + 48, &header, sizeof header);
    watcher_->ring_enter(ring_, 1, 40'000 * ms);
    if (io_uring_cq_ready(&ring_) == 0) return -ETIME;
    const int outcome = ring_.cq.cqes[*ring_.cq.khead & ring_.cq.ring_mask].res;
    io_uring_cq_advance(&ring_, 1);
    return outcome;
}

std::string twin_stage::observe() {
    return observe_devices(
        board_,
        [this](uapi::ctrl_op op, std::uint32_t id, std::byte* payload, std::uint16_t bytes,
               std::uint16_t path_bytes) { return command(op, id, payload, bytes, path_bytes); },
        [this](char kind, std::uint32_t id) {
            return kind == 'c' ? kernel_.ublk().has_char(id) : kernel_.ublk().has_block(id);
        });
}

std::string twin_stage::finish() {
    // What is in hand is answered first, as on Linux.
    for (auto& p : processes_) {
        if (p == nullptr || !p->runs->alive()) continue;
        for (thread& t : p->threads) t.acts->abandon();
        kernel_.kill(*p->runs);
    }
    advance(100 * ms);
    std::string left;
    for (std::uint32_t id : kernel_.ublk().ids()) {
        if (command(uapi::ctrl_op::del_dev, id, nullptr, 0, 0) != -EINVAL) continue;
        std::string path = fmt::format("/dev/ublkc{}", id);
        const auto bytes = static_cast<std::uint16_t>(path.size());
        command(uapi::ctrl_op::del_dev, id, path.data(), bytes, bytes);
    }
    advance(100 * ms);
    for (std::uint32_t id : kernel_.ublk().ids()) left += fmt::format(" device {}", id);
    return left.empty() ? "clean" : "left:" + left;
}

std::string run_on_twin(const sequence& s, const std::string& version, unsigned cpus) {
    auto kernel = ashlar::rules::kernel_named(version);
    if (!kernel) return fmt::format("sequence {}\nend no such kernel\n", s.id);
    kernel->cpu_ids = cpus;
    try {
        twin_stage on(s, *kernel);
        return run(s, on);
    } catch (const std::exception& failed) {
        return fmt::format("sequence {}\nend failed: {}\n", s.id, failed.what());
    }
}

}  // namespace agree
