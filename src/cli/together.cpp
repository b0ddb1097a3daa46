// SPDX-License-Identifier: MIT
#include "cli/together.hpp"

#include "base/try.hpp"
#include "cli/apply.hpp"
#include "cli/confine.hpp"
#include "cli/device_acts.hpp"
#include "cli/notify.hpp"
#include "cli/scheduler.hpp"
#include "cli/verbs.hpp"
#include "device/busy.hpp"
#include "device/group.hpp"
#include "device/nodes.hpp"
#include "device/record.hpp"
#include "device/server.hpp"

#include <ashlar/threads.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

namespace ashlar::cli {

namespace {

using implementation = device::implementation;

constexpr std::uint64_t remove_limit_ns = 60 * control::second_ns;
constexpr int busy_tick_ms = 300;

void tell(std::uint32_t id, const std::string& name, std::string_view what) {
    fmt::print("{} {} {}\n", device_room::block_path(id), name, what);
    std::fflush(stdout);
}

// A device takes three descriptors or so; the usual limit of 1024 is for programs with select(2).
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

class server {
public:
    explicit server(std::string path) : path_(whole_path(path)) {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, number);
        ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
        signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        std::signal(SIGPIPE, SIG_IGN);
    }
    int run(unsigned count);

private:
    struct wanted {
        std::uint32_t id;
        std::string asked;
    };
    result<> begin(unsigned count);
    int follow_file();
    int read_file();
    result<> bring(const configured_device& d, const std::map<std::string, device_entry>& known);
    result<> serve(const configured_device& d, std::optional<std::uint32_t> id);
    result<> remove_dead(std::uint32_t id, std::uint64_t cookie) const;
    result<std::map<std::string, device_entry>> look() const;
    int prune(const std::vector<configured_device>& devices);
    int remove_all();
    void tell_manager();
    [[nodiscard]] int signal_number() const;

    std::string path_;
    std::unique_ptr<control::control> control_;
    threads threads_;
    std::unique_ptr<device_room::group> group_;
    std::map<std::string, wanted> ours_;  // by name
    std::size_t asked_for_ = 0;
    int signals_ = -1;
    bool locked_ = false;  // the memory of this process
    device_room::confinement confined_;
};

result<> server::begin(unsigned count) {
    raise_descriptor_limit();
    os::machine& m = os::linux_machine();
    // No programs are run later, and so no modules loaded; what is wrong here is said there.
    [[maybe_unused]] const auto loaded = control::control::open(m, true);
    confined_ = confine_server_of_many();
    ASHLAR_TRY(threads_, threads::start(count));
    ASHLAR_TRY(group_, device_room::group::make(m));
    return {};
}

// The devices of this machine that have a name.
result<std::map<std::string, device_entry>> server::look() const {
    std::map<std::string, device_entry> all;
    os::machine& m = os::linux_machine();
    for (const std::uint32_t id : device_ids(m)) {
        auto entry = look_at(*control_, m, id);
        if (!entry || !entry->record || entry->record->name.empty()) continue;
        all.insert_or_assign(entry->record->name, std::move(*entry));
    }
    return all;
}

result<> server::serve(const configured_device& d, std::optional<std::uint32_t> id) {
    ASHLAR_TRY(auto job, job_of(d.add));
    job.device = id;
    job.how.supervised = false;  // there are no keepers: who starts this process looks after all
    job.how.config = path_;
    job.how.asked = d.asked;
    job.how.directory = std::filesystem::path(path_).parent_path().string();
    ASHLAR_TRY(target served, prepare(job));
    job.wanted.threads = threads_;
    // Once is for all of them, and takes its time where there are many.
    const bool locks = std::exchange(job.wanted.lock_memory, job.wanted.lock_memory && !locked_);
    os::machine& m = os::linux_machine();
    ASHLAR_TRY(auto disk,
               id ? implementation::recover(m, *id, std::move(served), std::move(job.wanted))
                  : implementation::start(m, std::move(served), std::move(job.wanted)));
    const std::uint32_t made = disk->id();
    if (!id) take_default_scheduler(device_room::disk_name(made));
    locked_ = locked_ || locks;
    ASHLAR_CHECK(group_->add(std::move(disk)));
    ours_.insert_or_assign(d.name, wanted{.id = made, .asked = d.asked});
    tell(made, d.name, id ? "recovered" : "added");
    return {};
}

// By this thread: the process starts no others for it any more.
result<> server::remove_dead(std::uint32_t id, std::uint64_t cookie) const {
    os::machine& m = os::linux_machine();
    ASHLAR_CHECK(device_room::stop_if_idle(*control_, m, id, remove_limit_ns));
    ASHLAR_CHECK(device_room::delete_stopped(*control_, id, remove_limit_ns));
    device_room::remove_record(m, id, cookie);
    return {};
}

result<> server::bring(const configured_device& d,
                       const std::map<std::string, device_entry>& known) {
    const auto refused = [&](std::string why, std::string remedy) {
        return failure({.operation = "serve",
                        .object = d.name,
                        .why = std::move(why),
                        .remedy = std::move(remedy)});
    };
    if (const auto ours = ours_.find(d.name); ours != ours_.end() && group_->has(ours->second.id)) {
        if (ours->second.asked == d.asked) return {};
        return refused(
            fmt::format("the file says now: {}; the device was made by: {}", d.asked,
                        ours->second.asked),
            fmt::format("remove it and have the file read again: ashlar del {}", d.name));
    }
    const auto found = known.find(d.name);
    if (found == known.end()) return serve(d, {});
    const device_entry& there = found->second;
    const std::uint32_t id = there.info.dev_id;
    const auto how = recipe_of(*there.record);
    if (!how || how->config != path_ || how->asked != d.asked) {
        return refused(
            fmt::format("{} has this name, and was made otherwise", device_room::block_path(id)),
            fmt::format("remove it (ashlar del {}), or rename one of them", id));
    }
    if (there.state == "quiesced" || there.state == "fail-io") return serve(d, id);
    if (there.state == "dead") {
        ASHLAR_CHECK(remove_dead(id, there.info.ublksrv_flags));
        return serve(d, {});
    }
    return refused(
        fmt::format("{} is served by process {}", device_room::block_path(id), there.record->pid),
        "leave it there, or end that process");
}

int server::prune(const std::vector<configured_device>& devices) {
    int code = 0;
    for (auto one = ours_.begin(); one != ours_.end();) {
        const bool stays =
            std::ranges::find(devices, one->first, &configured_device::name) != devices.end();
        if (!stays) {
            if (auto removed = group_->remove(one->second.id, false); !removed) {
                code = std::max(code, report(removed.error()));
            } else {
                tell(one->second.id, one->first, "removed");
            }
        }
        const bool gone = !group_->has(one->second.id);
        one = gone ? ours_.erase(one) : std::next(one);
    }
    return code;
}

// Control commands are sent by a thread that ends behind them: the kernel's worker for those that
// wait would stay with it, and wake up every five seconds.
int server::follow_file() {
    int code = 1;
    auto thread = os::linux_machine().start_thread("ashlar file", {}, [&] { code = read_file(); });
    if (!thread) return report(thread.error());
    thread->reset();
    return code;
}

int server::read_file() {
    auto control = control::control::open(os::linux_machine(), true);
    if (!control) return report(control.error());
    control_ = std::move(*control);
    const auto devices = read_config(path_);
    if (!devices) return report(devices.error());
    asked_for_ = devices->size();
    int code = prune(*devices);
    const auto known = look();
    if (!known) return report(known.error());
    for (const configured_device& d : *devices) {
        if (auto brought = bring(d, *known); !brought) {
            code = std::max(code, report(brought.error()));
        }
    }
    control_.reset();
    return code;
}

int server::remove_all() {
    int code = 0;
    for (const std::uint32_t id : group_->ids()) {
        if (auto removed = group_->remove(id, false); !removed) {
            code = std::max(code, report(removed.error()));
        }
    }
    return code;
}

void server::tell_manager() {
    notify_manager(fmt::format("WATCHDOG=1\nSTATUS={} of {} devices are served",
                               group_->ids().size(), asked_for_));
}

int server::signal_number() const {
    signalfd_siginfo info;
    return ::read(signals_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                               : 0;
}

int server::run(unsigned count) {
    if (auto begun = begin(count); !begun) return report(begun.error());
    if (const int failed = follow_file(); failed != 0 && group_->ids().empty()) return failed;
    for (std::string& what : confine_calls_of_many()) confined_.push_back(std::move(what));
    group_->tell_confinement(confined_);
    notify_manager("READY=1");
    const int watchdog = watchdog_pause_ms();
    const int tick = watchdog == 0 ? -1 : watchdog;
    bool stopping = false;
    for (;;) {
        tell_manager();
        if (auto looked = group_->look_after(signals_, stopping ? busy_tick_ms : tick); !looked) {
            return report(looked.error());
        }
        const int number = signal_number();
        if (number == SIGHUP && !stopping) {
            notify_manager("RELOADING=1");
            follow_file();
            notify_manager("READY=1");
        }
        const bool ends = number == SIGINT || number == SIGTERM;
        // A second signal takes disks out from under those who use them.
        if (ends && stopping) return 1;
        if (ends) notify_manager("STOPPING=1");
        if (!ends && !stopping) continue;
        if (!stopping) remove_all();
        stopping = true;
        for (const std::uint32_t id : group_->ids()) {
            [[maybe_unused]] auto removed = group_->remove(id, false);
        }
        if (group_->ids().empty()) return 0;
    }
}

}  // namespace

int serve_together(const together_manner& how) { return server(how.path).run(how.threads); }

}  // namespace ashlar::cli
