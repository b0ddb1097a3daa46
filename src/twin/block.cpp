// SPDX-License-Identifier: MIT
// Disks, their openers and what they submit.
#include "twin/block.hpp"

#include "rules/row.hpp"
#include "twin/block_disk.hpp"
#include "twin/driver.hpp"
#include "twin/process.hpp"
#include "twin/ublk_device.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace ashlar::twin {

namespace {

// A submitter that waits.
struct waiter {
    executor* exec;
    wait_queue over = {.what = "I/O of a disk"};
    bool done = false;
    int error = 0;
};

void wake_waiter(bio& b, int error) {
    auto* w = static_cast<waiter*>(b.user);
    w->done = true;
    w->error = error;
    w->exec->wake(w->over);
}

}  // namespace

block_layer::block_layer(kernel& k) : inside_(std::make_unique<inside>(k)) {}
block_layer::~block_layer() = default;

disk* block_layer::find(std::uint32_t id) {
    for (const auto& d : inside_->disks) {
        if (d->id == id && !d->gone) return d.get();
    }
    return nullptr;
}

disk_info block_layer::info(const disk& d) const {
    std::size_t under_way = 0;
    for (const hardware_queue& q : d.queues) under_way += q.requests.size() - q.free.size();
    return {.id = d.id,
            .limits = d.limits,
            .openers = d.openers,
            .in_flight = d.in_flight,
            .under_way = under_way};
}

int block_layer::open(disk& d, bool admin, std::uint32_t uid, std::uint32_t gid, bool exclusive) {
    rules::call facts;
    facts.disk_present = !d.gone;
    facts.admin = admin;
    facts.flags = d.device->info.flags;
    facts.owner_matches = uid == d.device->info.owner_uid && gid == d.device->info.owner_gid;
    facts.blocked_for_users = d.device->blocked_for_users;
    const rules::row* row =
        inside_->home.contract().first_broken(rules::subject::open_block, facts);
    if (row != nullptr) return -row->code(facts);
    if (exclusive && d.claimed) return -EBUSY;
    d.claimed = d.claimed || exclusive;
    d.openers += 1;
    return 0;
}

void block_layer::close(disk& d, bool exclusive) {
    if (exclusive) d.claimed = false;
    d.openers -= 1;
    inside_->home.exec().wake(d.changed);
    if (d.openers == 0 && d.gone) inside_->home.ublk().disk_closed(*d.device);
}

void block_layer::submit(disk& d, bio& b) {
    b.home = &d;
    b.error = 0;
    b.parts_left = 1;
    d.in_flight += 1;
    const int refused = inside_->check(d, b);
    const bool as_it_is = (b.flags & bio::as_it_is) != 0;
    const bool flush = b.op == uapi::op::flush;
    const bool nothing = !as_it_is && (flush ? !d.limits.volatile_cache : b.sectors == 0);
    if (refused != 0 || nothing) return inside_->end_part(b, refused);
    waiting_bio w{.origin = &b,
                  .op = b.op,
                  .sector = b.sector,
                  .sectors = flush && !as_it_is ? 0 : b.sectors,
                  .data = b.data};
    const bool unsupported = d.limits.max_write_zeroes_sectors == 0 && !as_it_is;
    if (b.op == uapi::op::write_zeroes && unsupported) {
        w.op = uapi::op::write;
        w.zeros = true;
    }
    hardware_queue& q = inside_->queue_for(d, b);
    q.waiting.push_back(w);
    inside_->feed(q);
}

void block_layer::plug(disk& d) { d.plugs += 1; }

void block_layer::unplug(disk& d) {
    d.plugs -= 1;
    for (hardware_queue& q : d.queues) inside_->schedule(q);
}

int block_layer::perform(disk& d, bio& b) {
    executor& exec = inside_->home.exec();
    waiter w{.exec = &exec};
    b.done = wake_waiter;
    b.user = &w;
    submit(d, b);
    exec.wait_until(w.over, os::no_timeout, [&] { return w.done; });
    return w.error;
}

namespace {

constexpr std::uint64_t page_sectors = 8;

// One page that is read. It outlives a reader who was killed while he waited.
struct page_read {
    executor* exec;
    wait_queue over = {.what = "a page of a disk"};
    bool done = false, abandoned = false;
    std::array<std::byte, page_sectors * uapi::sector_bytes> page = {};
    bio what = {};

    static void ended(bio& b, int) {
        auto* self = static_cast<page_read*>(b.user);
        if (self->abandoned) {
            delete self;
            return;
        }
        self->done = true;
        self->exec->wake(self->over);
    }
};

}  // namespace

void block_layer::read_ends(disk& d, uring_command* of) {
    executor& exec = inside_->home.exec();
    const std::uint64_t pages = d.limits.sectors / page_sectors;
    for (const std::uint64_t place : {std::uint64_t{0}, pages == 0 ? 0 : pages - 1}) {
        const std::uint64_t sector = place * page_sectors;
        auto* r = new page_read{.exec = &exec};
        r->what.sector = sector;
        r->what.sectors = std::min(page_sectors, d.limits.sectors - sector);
        r->what.data = r->page.data();
        r->what.done = &page_read::ended;
        r->what.user = r;
        submit(d, r->what);
        const auto killed = [&] { return of != nullptr && of->cancelled && !of->caller->alive(); };
        if (of != nullptr) of->sleeps_on = &r->over;
        exec.wait_until(r->over, os::no_timeout, [&] { return r->done || killed(); });
        if (of != nullptr) of->sleeps_on = nullptr;
        if (!r->done) {
            r->abandoned = true;
            return;
        }
        delete r;
    }
}

disk& block_layer::add_disk(ublk_device& device, std::uint32_t id, const disk_limits& limits,
                            std::uint16_t queues, std::uint16_t depth) {
    auto made = std::make_unique<disk>();
    disk& d = *made;
    d.layer = inside_.get();
    d.device = &device;
    d.id = id;
    d.limits = limits;
    d.queues.resize(queues);
    for (std::uint16_t n = 0; n < queues; ++n) {
        hardware_queue& q = d.queues[n];
        q.home = &d;
        q.id = n;
        q.requests.resize(depth);
        for (std::uint16_t tag = 0; tag < depth; ++tag) {
            q.requests[tag] = {.home = &d, .queue = n, .tag = tag};
            q.free.push_back(tag);
        }
        q.flush = {.op = uapi::op::flush, .home = &d, .queue = n};
    }
    inside_->disks.push_back(std::move(made));
    return d;
}

void block_layer::resize(disk& d, std::uint64_t sectors) { d.limits.sectors = sectors; }

void block_layer::remove_disk(disk& d) {
    d.gone = true;
    inside_->home.exec().wait_until(d.changed, os::no_timeout, [&] { return d.in_flight == 0; });
}

void block_layer::complete(block_request& r, std::int64_t bytes, bool whole) {
    const auto done = static_cast<std::uint64_t>(bytes);
    if (whole || done >= r.bytes) return inside_->end_request(r, 0);
    r.bytes -= done;
    r.data += done;
    r.sector += done / uapi::sector_bytes;
    r.sectors = static_cast<std::uint32_t>(r.bytes / uapi::sector_bytes);
    hardware_queue& q = inside::queue_of(r);
    q.dispatch.push_back(&r);
    inside_->schedule(q);
}

void block_layer::fail(block_request& r, int error) { inside_->end_request(r, error); }

ublk_device& block_layer::device_of(const block_request& r) { return *r.home->device; }

void block_layer::freeze(disk& d) {
    d.freezes += 1;
    inside_->home.exec().wait_until(d.changed, os::no_timeout, [&] {
        for (const hardware_queue& q : d.queues) {
            if (q.free.size() != q.requests.size()) return false;
        }
        return true;
    });
}

void block_layer::unfreeze(disk& d) {
    d.freezes -= 1;
    for (hardware_queue& q : d.queues) inside_->feed(q);
}

void block_layer::power_off() {
    inside_->finished.clear();
    for (const auto& d : inside_->disks) {
        d->gone = d->stopped = true;
        d->in_flight = d->openers = 0;
        for (hardware_queue& q : d->queues) {
            q.waiting.clear();
            q.dispatch.clear();
            q.put_back.clear();
        }
    }
}

}  // namespace ashlar::twin
