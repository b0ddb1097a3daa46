// SPDX-License-Identifier: MIT
#include "device/life.hpp"

#include "base/try.hpp"
#include "device/busy.hpp"
#include "device/nodes.hpp"
#include "device/queue_life.hpp"
#include "device/record.hpp"
#include "device/recovery.hpp"
#include "queue/lane_kind.hpp"
#include "uapi/print.hpp"

#include <ashlar/log.hpp>
#include <ashlar/size.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <mutex>

namespace ashlar {

using namespace device_room;

namespace {

// After this long the deletion of a device goes on without us.
constexpr std::uint64_t delete_limit_ns = 10 * control::second_ns;
// Queues of a stopped device end by themselves; after this long they are woken.
constexpr std::uint64_t own_end_limit_ns = 5 * control::second_ns;
// Then, how long a target may take to answer what it has.
constexpr std::uint64_t answers_limit_ns = 5 * control::second_ns;
// Of a queue in a shared ring: between two attempts to have its commands taken back.
constexpr std::uint64_t take_back_pause_ns = 100'000'000;
constexpr std::uint64_t take_back_wait_ms = 100;

// Marks a device among others of the same id. Never 0, which is what foreign devices have.
std::uint64_t new_cookie(os::machine& m) { return m.unguessable() | 1; }

}  // namespace

std::string_view name(step::kind what) {
    constexpr std::string_view names[] = {"ADD_DEV", "SET_PARAMS", "ublkcN", "descriptors mapped",
                                          "FETCH",   "START_DEV",  "ublkbN", "I/O"};
    return names[static_cast<unsigned>(what)];
}

result<std::unique_ptr<device::implementation>> device::implementation::start(os::machine& m,
                                                                              target served,
                                                                              options wanted) {
    std::unique_ptr<implementation> d(new implementation(m, std::move(served), std::move(wanted)));
    if (auto begun = d->begin(); !begun) {
        if (auto undone = d->stop(stop_when::now); !undone) {
            log(level::error, "after a failed start: " + undone.error().text());
        }
        return failure(std::move(begun).error());
    }
    return d;
}

device::implementation::~implementation() {
    if (auto stopped = stop(stop_when::now); !stopped) log(level::error, stopped.error().text());
    if (ended_fd_ >= 0) machine_.close(ended_fd_);
}

void device::implementation::tell(step::kind what, std::string detail) {
    if (wanted_.on_step) wanted_.on_step({what, std::move(detail)});
}

result<> device::implementation::begin() {
    ASHLAR_TRY(plan_, make_plan(wanted_, target_, machine_.page_bytes(), new_cookie(machine_)));
    ASHLAR_CHECK(prepare());
    ASHLAR_CHECK(add());
    if (char_fd_ < 0) ASHLAR_CHECK(open_node());
    ASHLAR_CHECK(start_queues());
    const std::uint64_t before_start = machine_.now_ns();
    ASHLAR_CHECK(control_->start(id(), machine_.process_id()));
    tell(step::kind::start_dev, fmt::format("process {} serves it", machine_.process_id()));
    ASHLAR_CHECK(await_block_node(machine_, id(), before_start));
    tell(step::kind::block_node,
         fmt::format("{}, {}", block_path(id()), uapi::bytes_text(plan_.size)));
    start_watch();
    spare_control();
    return {};
}

result<> device::implementation::prepare() {
    ASHLAR_CHECK(have_control());
    if (wanted_.lock_memory) ASHLAR_CHECK(machine_.lock_memory());
    ASHLAR_TRY(ended_fd_, machine_.wakeup_open());
    return {};
}

result<> device::implementation::have_control() {
    if (control_) return {};
    ASHLAR_TRY(control_, control::control::open(machine_, wanted_.load_driver));
    return {};
}

// Among many devices, its ring and descriptor are had only while there is something to say.
void device::implementation::spare_control() {
    if (wanted_.threads) control_.reset();
}

// ADD_DEV, the record and SET_PARAMS. Under a lock, as names and ids of several programs meet here.
result<> device::implementation::add() {
    ASHLAR_CHECK(prepare_run_directory(machine_));
    ASHLAR_TRY(auto lock, lock_run_directory(machine_));
    ASHLAR_CHECK(check_name_is_free(machine_, *control_, wanted_.name));
    ASHLAR_CHECK(choose_lane());
    ASHLAR_TRY(info_, control_->add(plan_.info));
    added_ = true;
    ASHLAR_CHECK(check_recovery_was_granted(machine_, plan_.info.flags, info_));
    ASHLAR_CHECK(check_privileges());
    ASHLAR_CHECK(check_lane());
    tell(step::kind::add_dev,
         fmt::format("device {}, {} queue{} of depth {}, requests up to {}", id(),
                     info_.nr_hw_queues, info_.nr_hw_queues == 1 ? "" : "s", info_.queue_depth,
                     format_size(info_.max_io_buf_bytes)));
    if (info_.nr_hw_queues != wanted_.queues) {
        log(level::warning, fmt::format("device {}: {} queues wished, {} made: no more than CPUs",
                                        id(), wanted_.queues, info_.nr_hw_queues));
    }
    ASHLAR_CHECK(write_record(machine_, {.id = id(),
                                         .cookie = plan_.info.ublksrv_flags,
                                         .pid = machine_.process_id(),
                                         .name = wanted_.name,
                                         .kind = wanted_.kind,
                                         .lane = std::string(name(lane_.lane)),
                                         .size = plan_.size,
                                         .created = machine_.wall_clock_seconds(),
                                         .recipe = wanted_.recipe}));
    recorded_ = true;
    // The kernel hears of such a device only who may open its node, which udev gives away.
    if (wanted_.unprivileged) ASHLAR_CHECK(open_node());
    ASHLAR_CHECK(control_->set_params(id(), plan_.params));
    tell(step::kind::set_params, fmt::format("{}, blocks of {}{}", uapi::bytes_text(plan_.size),
                                             1U << plan_.params.basic.logical_bs_shift,
                                             plan_.read_only ? ", read-only" : ""));
    return {};
}

// What the device is asked to have beside what its plan says.
result<> device::implementation::choose_lane() {
    ASHLAR_TRY(std::uint64_t known, control_->features());
    if (wanted_.unprivileged) {
        ASHLAR_CHECK(check_unprivileged(wanted_, known));
        known &= ~privileged_lanes;
        plan_.info.flags |= uapi::f_unprivileged_dev;
    }
    ASHLAR_CHECK(check_threads_per_queue(wanted_, wanted_.depth, known, machine_.version()));
    ASHLAR_TRY(lane_, device_room::choose_lane(wanted_, target_, known, machine_.version()));
    if (wanted_.unprivileged && wanted_.lane == lane::automatic) {
        lane_.lane_why = "a device without privileges has none with fewer copies";
    }
    plan_.info.flags |= device_flags(lane_);
    if (queue::is_zero_copy(lane_.lane)) {
        // What is below may want its blocks in one piece of memory.
        plan_.params.types |= uapi::param_type_dma_align;
        plan_.params.dma.alignment = (1U << plan_.params.basic.logical_bs_shift) - 1;
    }
    // With batches it fails requests (seen up to 7.3.4): its server lets go by itself.
    const bool can_quiesce = lane_.delivery == delivery::by_tag;
    if (wanted_.recovery != recovery::none && can_quiesce) {
        plan_.info.flags |= known & uapi::f_quiesce;
    }
    return {};
}

// Who has CAP_SYS_ADMIN gets a device with privileges, whatever was asked for.
result<> device::implementation::check_privileges() {
    if (!wanted_.unprivileged || (info_.flags & uapi::f_unprivileged_dev) != 0) return {};
    return failure({.operation = "ADD_DEV",
                    .object = fmt::format("device {}", id()),
                    .code = EINVAL,
                    .why = "the kernel makes no device without privileges for a process that has "
                           "CAP_SYS_ADMIN",
                    .remedy = "leave --unprivileged out; or run it as the user whose it is to be"});
}

// Of a device without privileges, kernels drop the flags that would need them.
result<> device::implementation::check_lane() {
    const std::uint64_t dropped = device_flags(lane_) & ~info_.flags;
    if (dropped == 0) return {};
    return failure({.operation = "ADD_DEV",
                    .object = fmt::format("device {}", id()),
                    .code = EOPNOTSUPP,
                    .why = fmt::format("the kernel has dropped {}", uapi::flags_text(dropped)),
                    .remedy = "use --lane plain --delivery tag"});
}

result<> device::implementation::open_node() {
    ASHLAR_TRY(char_fd_, open_char_node(machine_, id()));
    tell(step::kind::char_node, char_path(id()));
    return {};
}

result<> device::implementation::start_queues() {
    for (std::uint16_t index = 0; index < info_.nr_hw_queues; ++index) {
        for (std::uint16_t part = 0; part < wanted_.threads_per_queue; ++part) {
            ASHLAR_CHECK(start_queue(index, part));
        }
    }
    ASHLAR_CHECK(await(stage::mapped));
    tell(step::kind::descriptors,
         fmt::format("{} queue{}, read-only, lane: {}, {}", info_.nr_hw_queues,
                     info_.nr_hw_queues == 1 ? "" : "s", name(lane_.lane), name(lane_.delivery)));
    ASHLAR_CHECK(await(stage::fetched));
    tell(step::kind::fetch,
         fmt::format("{} tags", unsigned{info_.nr_hw_queues} * unsigned{info_.queue_depth}));
    return {};
}

result<> device::implementation::start_queue(std::uint16_t index, std::uint16_t part) {
    const queue::queue_spec spec{
        .machine = &machine_,
        .char_fd = char_fd_,
        .device = id(),
        .id = index,
        .depth = info_.queue_depth,
        .part = part,
        .parts = static_cast<std::uint16_t>(wanted_.threads_per_queue),
        .max_io = info_.max_io_buf_bytes,
        .size = plan_.size,
        .lane = lane_.lane,
        .registers = (info_.flags & uapi::f_supp_zero_copy) != 0,
        .in_batches = lane_.delivery == delivery::in_batches,
        .flush_after_fua = plan_.flush_after_fua,
        .raw_commands = control_->uses_raw_commands(),
        .shared = shared_,
    };
    queue_life& life = *queues_.emplace_back(std::make_shared<queue_life>(*this, spec));
    std::vector<unsigned> cpus;
    if (!wanted_.threads) {
        ASHLAR_TRY(cpus, control_->queue_affinity(id(), index));
    }
    return life.begin(cpus);
}

// Waits until all queues have come this far, or one of them has failed.
result<> device::implementation::await(stage s) {
    std::lock_guard lock(*monitor_);
    for (const auto& life : queues_) {
        while (life->reached < s) monitor_->wait(os::no_timeout);
        if (life->has_failed) return failure(life->failed);
    }
    return {};
}

std::vector<queue_counters> device::implementation::counters() const {
    const std::uint64_t now = machine_.now_ns();
    std::vector<queue_counters> all;
    all.reserve(queues_.size());
    for (std::size_t n = 0; n < queues_.size(); ++n) {
        const queue_counters part = queues_[n]->counters.snapshot(now);
        if (n % wanted_.threads_per_queue == 0) all.push_back(part);
        else all.back().merge(part);
    }
    return all;
}

// True if the queue's thread ends by itself in this time.
bool device::implementation::ends_within(const queue_life& life, std::uint64_t limit_ns) {
    const std::uint64_t start = machine_.now_ns();
    for (;;) {
        const std::uint64_t spent = machine_.now_ns() - start;
        std::lock_guard lock(*monitor_);
        if (life.reached == stage::ended) return true;
        if (spent >= limit_ns) return false;
        monitor_->wait(limit_ns - spent);
    }
}

void device::implementation::end_queues(bool tags_come_back) {
    for (auto& life : queues_) {
        if (life->begun()) {
            if (life->shared()) await_shared_end(*life, tags_come_back);
            else await_own_end(*life, tags_come_back);
        }
        life->close();
    }
}

// After a stop its tags come back and it ends by itself; else it is woken, and given time to answer
// what it has.
void device::implementation::await_own_end(queue_life& life, bool tags_come_back) {
    if (ends_within(life, tags_come_back ? own_end_limit_ns : 0)) return;
    life.leave();
    if (!ends_within(life, answers_limit_ns)) life.leave();
}

// In a ring that goes on only the kernel can take back what waits there. Each QUIESCE_DEV takes
// back what it finds idle, not what is answered later.
void device::implementation::await_shared_end(queue_life& life, bool tags_come_back) {
    const std::uint64_t start = machine_.now_ns();
    if (!tags_come_back) life.leave();
    for (bool first = true;; first = false) {
        if (ends_within(life, first && tags_come_back ? take_back_pause_ns : 0)) return;
        if (machine_.now_ns() - start > own_end_limit_ns + answers_limit_ns) break;
        if ((info_.flags & uapi::f_quiesce) != 0) {
            [[maybe_unused]] auto quiesced = control_->quiesce(id(), take_back_wait_ms);
        }
        if (ends_within(life, take_back_pause_ns)) return;
    }
    log(level::error,
        fmt::format("device {}: a queue has commands or requests that nobody gives back; they stay "
                    "until this process ends",
                    id()));
    life.abandon();
}

result<> device::implementation::stop(stop_when when) {
    if (!added_) return {};
    ASHLAR_CHECK(have_control());
    if (ended() && is_served_elsewhere()) {
        let_go(true);
        return {};
    }
    result<> stopped;
    bool held = false;
    // The queues go on serving until the stop has been answered (KERNEL.md, STOP_DEV).
    if (when == stop_when::idle && !ended()) {
        stopped = stop_if_idle(*control_, machine_, id());
        if (!stopped && stopped.error().code == EBUSY) return stopped;
    } else {
        // Whoever uses the disk now keeps its id from being free: that need not be waited for.
        held = !ended() && !machine_.holders_of(disk_name(id())).empty();
        stopped = control_->stop(id());
    }
    end_watch();
    const bool gone = !stopped && stopped.error().code == ENODEV;
    end_queues(stopped.has_value());
    // Whatever maps or holds ublkcN must be closed before DEL_DEV, which waits for it.
    if (char_fd_ >= 0) machine_.close(std::exchange(char_fd_, -1));
    const auto forget = [this] {
        if (recorded_) remove_record(machine_, id(), plan_.info.ublksrv_flags);
    };
    result<> removed;
    if (stopped || gone) {
        forget();
        if (!gone) {
            removed = delete_stopped(*control_, id(), held ? control::second_ns : delete_limit_ns);
        }
    } else if (control_->remove(id(), delete_limit_ns)) {
        forget();
    }  // else the device waits for another server, who needs the record
    added_ = recorded_ = false;
    if (!stopped && !gone) return stopped;
    return removed;
}

result<device> device::start(target served, options wanted) {
    auto inside = implementation::start(os::linux_machine(), std::move(served), std::move(wanted));
    if (!inside) return failure(std::move(inside).error());
    return device(std::move(*inside));
}

device::device(std::unique_ptr<implementation> inside) : inside_(std::move(inside)) {}
device::device(device&&) noexcept = default;
device& device::operator=(device&&) noexcept = default;
device::~device() = default;

std::uint32_t device::id() const { return inside_->id(); }
std::string device::path() const { return block_path(inside_->id()); }
std::vector<queue_counters> device::counters() const { return inside_->counters(); }
bool device::ended() const { return inside_->ended(); }
std::uint64_t device::size() const { return inside_->size(); }
result<> device::resize(std::uint64_t bytes) { return inside_->resize(bytes); }
result<std::uint64_t> device::size_now() const { return inside_->size_now(); }
result<bool> device::resume() { return inside_->resume(); }
result<> device::stop(stop_when when) { return inside_->stop(when); }

}  // namespace ashlar
