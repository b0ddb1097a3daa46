// SPDX-License-Identifier: MIT
// ashlar::twin::machine, for tests of targets: a kernel of the twin, and servers on it.
#include "device/life.hpp"
#include "sim/patience.hpp"
#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/process.hpp"
#include "twin/stepped.hpp"

#include <ashlar/twin.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace ashlar::twin {

namespace {

constexpr std::size_t trace_entries = 1000;

kernel_options options_of(const machine_options& wanted) {
    auto version = rules::kernel_named(wanted.kernel);
    if (!version) {
        std::string known;
        for (const rules::kernel& k : rules::personalities()) known += " " + k.name();
        throw std::invalid_argument("no kernel is called '" + wanted.kernel +
                                    "'; there are:" + known);
    }
    kernel_options o{.version = *version, .seed = wanted.seed};
    if (wanted.polite) o.manner = polite;
    return o;
}

}  // namespace

struct machine::inside {
    explicit inside(const machine_options& wanted) : home(options_of(wanted)) {
        home.log().keep(trace_entries);
    }
    kernel home;
    std::vector<file*> files;
    std::vector<std::shared_ptr<pending::inside>> under_way;
    std::vector<std::weak_ptr<served::inside>> disks;
};

// ---- an operation ----

struct pending::inside {
    machine::inside* where = nullptr;
    bio what = {};
    std::vector<std::byte> memory = {};
    bool over = false;
    int outcome = 0;

    static void done(bio& b, int error) {
        auto& self = *static_cast<inside*>(b.user);
        self.over = true;
        self.outcome = error;
        auto& all = self.where->under_way;
        // Last: it may be the operation's own last owner.
        std::erase_if(all, [&](const auto& one) { return one.get() == &self; });
    }
};

namespace {

pending submit(machine::inside& where, std::uint32_t id, bio what, std::vector<std::byte> memory) {
    auto p = std::make_shared<pending::inside>();
    p->where = &where;
    p->memory = std::move(memory);
    p->what = what;
    p->what.data = p->memory.empty() ? nullptr : p->memory.data();
    p->what.done = &pending::inside::done;
    p->what.user = p.get();
    disk* d = where.home.blocks().find(id);
    if (d == nullptr) {
        p->over = true;
        p->outcome = -ENXIO;
    } else {
        where.under_way.push_back(p);
        where.home.blocks().submit(*d, p->what);
    }
    return pending(std::move(p));
}

}  // namespace

bool pending::done() const { return inside_->over; }
std::span<const std::byte> pending::data() const { return inside_->memory; }

std::error_code pending::wait() {
    if (!comes_true(inside_->where->home, [&] { return inside_->over; })) {
        return io_error(ETIMEDOUT);
    }
    return inside_->outcome == 0 ? std::error_code() : io_error(-inside_->outcome);
}

// ---- a served disk ----

struct served::inside {
    enum class stage : std::uint8_t { beginning, serving, over };

    machine::inside* where = nullptr;
    process* server = nullptr;
    std::unique_ptr<os::thread> thread = {};
    stage reached = stage::beginning;
    device::implementation* life = nullptr;
    std::uint32_t number = 0;
    bool stop_wanted = false;
    stop_when how = stop_when::idle;
    std::uint64_t size_wanted = 0;
    result<> outcome = {};
    wait_queue changed = {.what = "a server to begin, stop or end"};

    ~inside() {
        if (server != nullptr && server->alive()) where->home.kill(*server);
    }
    result<> launch(target object, options wanted, bool recover);
    void live(target object, options wanted, bool recover);
    void reach(stage s);
    void have_done();
};

namespace {

constexpr std::uint64_t release_limit_ns = 120 * control::second_ns;
constexpr std::uint64_t look_again_ns = 1'000'000;

// A kernel lets go of a dead server's device some time after its end.
void await_release(process& server, std::uint32_t id) {
    const auto control = control::control::open(server, false);
    const std::uint64_t until = server.now_ns() + release_limit_ns;
    while (control && server.now_ns() < until) {
        const auto info = (*control)->info(id);
        const auto live = static_cast<std::uint16_t>(uapi::device_state::live);
        if (!info || info->state != live) return;
        server.sleep_ns(look_again_ns);
    }
}

}  // namespace

void served::inside::reach(stage s) {
    reached = s;
    where->home.exec().wake(changed);
}

// Steps until the server has done what it was told.
void served::inside::have_done() {
    reached = stage::beginning;
    where->home.exec().wake(changed);
    await(where->home, [&] { return reached != stage::beginning; });
}

// The server's main thread.
void served::inside::live(target object, options wanted, bool recover) {
    using implementation = device::implementation;
    executor& exec = where->home.exec();
    {
        if (recover) await_release(*server, number);
        auto begun = recover ? implementation::recover(*server, number, std::move(object), wanted)
                             : implementation::start(*server, std::move(object), std::move(wanted));
        if (!begun) {
            outcome = failure(std::move(begun).error());
            return reach(stage::over);
        }
        life = begun->get();
        number = life->id();
        reach(stage::serving);
        for (;;) {
            exec.wait_until(changed, os::no_timeout,
                            [&] { return stop_wanted || size_wanted != 0; });
            if (size_wanted != 0) {
                outcome = life->resize(std::exchange(size_wanted, 0));
                reach(stage::serving);
                continue;
            }
            outcome = (*begun)->stop(how);
            if (outcome || outcome.error().code != EBUSY) break;
            // The only users who can have it open are the kernel's own, who soon go.
            server->sleep_ns(look_again_ns);
        }
        life = nullptr;
    }
    reach(stage::over);
}

result<> served::inside::launch(target object, options wanted, bool recover) {
    reached = stage::beginning;
    outcome = {};
    server = &where->home.start_process();
    wanted.load_driver = false;
    auto started = where->home.exec().start_thread(
        *server, "server",
        [this, recover, object = std::move(object), wanted = std::move(wanted)]() mutable {
            live(std::move(object), std::move(wanted), recover);
        });
    if (!started) return failure(std::move(started).error());
    thread = std::move(*started);
    await(where->home, [&] { return reached != stage::beginning; });
    if (reached == stage::serving) return {};
    thread.reset();
    where->home.end(*server);
    return outcome;
}

std::uint32_t served::id() const { return inside_->number; }
bool served::alive() const { return inside_->reached == inside::stage::serving; }

std::vector<queue_counters> served::counters() const {
    if (inside_->life == nullptr) return {};
    return inside_->life->counters();
}

void served::kill() {
    inside& s = *inside_;
    if (!s.server->alive()) return;
    s.where->home.kill(*s.server);
    s.thread.reset();
    s.life = nullptr;
    s.reached = inside::stage::over;
}

result<> served::recover(target served_from_now_on) {
    if (alive()) {
        return failure({.operation = "recover",
                        .object = fmt::format("device {}", id()),
                        .code = EBUSY,
                        .why = "its server is alive",
                        .remedy = "kill it first"});
    }
    return inside_->launch(std::move(served_from_now_on), {}, true);
}

result<> served::resize(std::uint64_t bytes) {
    inside& s = *inside_;
    if (!alive() || bytes == 0) {
        return failure({.operation = "resize",
                        .object = fmt::format("device {}", id()),
                        .code = bytes == 0 ? EINVAL : ENODEV,
                        .why = bytes == 0 ? "a device can't be empty" : "it has no server",
                        .remedy = bytes == 0 ? "use another size" : "recover it first"});
    }
    s.size_wanted = bytes;
    s.have_done();
    return s.outcome;
}

result<> served::stop(stop_when when) {
    inside& s = *inside_;
    if (!alive()) return {};
    s.how = when;
    s.stop_wanted = true;
    s.have_done();
    if (s.reached == inside::stage::over) {
        s.thread.reset();
        s.where->home.end(*s.server);
    }
    return s.outcome;
}

namespace {

bio transfer(uapi::op op, std::uint64_t at, std::uint64_t bytes, std::uint32_t flags = 0) {
    return {.op = op,
            .flags = flags,
            .sector = at / uapi::sector_bytes,
            .sectors = bytes / uapi::sector_bytes};
}

bool whole_sectors(std::uint64_t at, std::uint64_t bytes) {
    return at % uapi::sector_bytes == 0 && bytes % uapi::sector_bytes == 0 && bytes != 0;
}

}  // namespace

pending served::begin_read(std::uint64_t at, std::uint64_t bytes) {
    return submit(*inside_->where, id(), transfer(uapi::op::read, at, bytes),
                  std::vector<std::byte>(bytes));
}

pending served::begin_write(std::uint64_t at, std::span<const std::byte> from) {
    return submit(*inside_->where, id(), transfer(uapi::op::write, at, from.size()),
                  {from.begin(), from.end()});
}

pending served::begin_flush() {
    return submit(*inside_->where, id(), transfer(uapi::op::flush, 0, 0), {});
}

std::error_code served::read(std::uint64_t at, std::span<std::byte> into) {
    if (!whole_sectors(at, into.size())) return io_error(EINVAL);
    pending p = begin_read(at, into.size());
    const std::error_code failed = p.wait();
    if (!failed) std::ranges::copy(p.data(), into.begin());
    return failed;
}

std::error_code served::write(std::uint64_t at, std::span<const std::byte> from) {
    if (!whole_sectors(at, from.size())) return io_error(EINVAL);
    return begin_write(at, from).wait();
}

std::error_code served::write_fua(std::uint64_t at, std::span<const std::byte> from) {
    if (!whole_sectors(at, from.size())) return io_error(EINVAL);
    return submit(*inside_->where, id(), transfer(uapi::op::write, at, from.size(), bio::fua),
                  {from.begin(), from.end()})
        .wait();
}

std::error_code served::flush() { return begin_flush().wait(); }

std::error_code served::discard(std::uint64_t at, std::uint64_t bytes) {
    if (!whole_sectors(at, bytes)) return io_error(EINVAL);
    return submit(*inside_->where, id(), transfer(uapi::op::discard, at, bytes), {}).wait();
}

std::error_code served::write_zeroes(std::uint64_t at, std::uint64_t bytes) {
    if (!whole_sectors(at, bytes)) return io_error(EINVAL);
    return submit(*inside_->where, id(), transfer(uapi::op::write_zeroes, at, bytes), {}).wait();
}

// ---- the machine ----

machine::machine(machine_options wanted) : inside_(std::make_unique<inside>(wanted)) {}

machine::~machine() {
    // What users still hold of it must not reach for it any more.
    for (auto& one : inside_->disks) {
        auto disk = one.lock();
        if (!disk) continue;
        if (disk->server->alive()) inside_->home.kill(*disk->server);
        disk->thread.reset();
        disk->server = nullptr;
    }
}

result<served> machine::serve(target object, options wanted) {
    auto s = std::make_shared<served::inside>();
    s->where = inside_.get();
    if (auto launched = s->launch(std::move(object), std::move(wanted), false); !launched) {
        s->server = nullptr;
        return failure(std::move(launched).error());
    }
    inside_->disks.push_back(s);
    return served(std::move(s));
}

int machine::make_file(std::uint64_t bytes) {
    kernel& k = inside_->home;
    file& made = k.make_file(fmt::format("/file{}", inside_->files.size()), bytes);
    inside_->files.push_back(&made);
    return k.share_file(made);
}

file_faults& machine::faults(int file) { return inside_->home.shared_file(file)->faults; }
std::span<const std::byte> machine::content(int file) const {
    return inside_->home.shared_file(file)->content();
}
std::span<const std::byte> machine::durable(int file) const {
    return inside_->home.shared_file(file)->durable();
}

void machine::cut_power() {
    inside_->home.cut_power();
    for (auto& one : inside_->disks) {
        auto disk = one.lock();
        if (!disk) continue;
        disk->thread.reset();
        disk->life = nullptr;
        disk->reached = served::inside::stage::over;
    }
}

void machine::fail_call(std::uint64_t n, int code, bool for_ever) {
    inside_->home.fail_call(n, code, for_ever);
}

bool machine::step() { return inside_->home.steps().step(); }

void machine::run_for(std::chrono::nanoseconds machine_time) {
    const std::uint64_t until =
        inside_->home.exec().now() + static_cast<std::uint64_t>(machine_time.count());
    while (inside_->home.exec().now() < until && step()) {}
}

std::vector<std::string> machine::findings() const { return inside_->home.accusations(); }

std::string machine::trace() const { return inside_->home.log().text(); }
std::uint64_t machine::trace_hash() const { return inside_->home.log().hash(); }

}  // namespace ashlar::twin
