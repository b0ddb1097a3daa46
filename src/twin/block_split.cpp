// SPDX-License-Identifier: MIT
// What users want, cut into requests that the disk's limits allow.
#include "twin/block_disk.hpp"
#include "twin/driver.hpp"

#include <algorithm>
#include <cerrno>

namespace ashlar::twin {

namespace {

// What a kernel writes instead of WRITE_ZEROES.
constexpr std::uint32_t zero_sectors = 2048;

std::byte* zeros() {
    static std::vector<std::byte> page(std::size_t{zero_sectors} * uapi::sector_bytes);
    return page.data();
}

bool changes(uapi::op op) {
    return op == uapi::op::write || op == uapi::op::discard || op == uapi::op::write_zeroes;
}

// The most that one request may have of what is left.
std::uint32_t most(const disk_limits& l, const waiting_bio& w) {
    std::uint64_t limit = l.max_sectors;
    if (w.op == uapi::op::discard) limit = l.max_discard_sectors;
    if (w.op == uapi::op::write_zeroes) limit = l.max_write_zeroes_sectors;
    if (w.zeros) limit = std::min<std::uint64_t>(limit, zero_sectors);
    const std::uint64_t block = l.logical_block / uapi::sector_bytes;
    std::uint64_t unit = block;
    if (w.op == uapi::op::discard) {
        unit = std::max<std::uint64_t>(block, l.discard_granularity / uapi::sector_bytes);
    }
    if (limit >= unit) limit -= limit % unit;
    // A discard that is cut ends at a border of the granularity, if it can.
    if (w.op == uapi::op::discard && w.sectors > limit) {
        const std::uint64_t over = (w.sector + limit) % unit;
        if (limit > over) limit -= over;
    }
    const bool data = w.op == uapi::op::read || w.op == uapi::op::write;
    if (data && l.chunk_sectors != 0) {
        limit = std::min<std::uint64_t>(limit, l.chunk_sectors - w.sector % l.chunk_sectors);
    }
    return static_cast<std::uint32_t>(std::min(std::max(limit, block), w.sectors));
}

std::uint32_t descriptor_flags(const disk_limits& l, const waiting_bio& w) {
    const std::uint32_t wanted = w.origin->flags;
    const bool as_it_is = (wanted & bio::as_it_is) != 0;
    std::uint32_t flags = 0;
    if ((wanted & bio::meta) != 0) flags |= uapi::io_f_meta;
    if ((wanted & bio::no_unmap) != 0 && w.op == uapi::op::write_zeroes) {
        flags |= uapi::io_f_nounmap;
    }
    const bool knows_fua = as_it_is || (w.op == uapi::op::write && l.fua);
    if ((wanted & bio::fua) != 0 && knows_fua) flags |= uapi::io_f_fua;
    return flags;
}

std::uint8_t steps_of(const disk_limits& l, const waiting_bio& w, bool first) {
    std::uint8_t steps = step_data;
    if ((w.origin->flags & bio::as_it_is) != 0) return steps;
    if (w.op == uapi::op::flush) return step_preflush;
    if (!l.volatile_cache) return steps;
    const std::uint32_t wanted = w.origin->flags;
    if ((wanted & bio::preflush) != 0 && first) steps |= step_preflush;
    if ((wanted & bio::fua) != 0 && w.op == uapi::op::write && !l.fua) steps |= step_postflush;
    return steps;
}

void call_done(void* object, std::uint64_t) {
    auto& layer = *static_cast<block_layer::inside*>(object);
    if (layer.finished.empty()) return;
    const bool shuffle = layer.home.options().manner.any_order;
    const std::size_t chosen = shuffle ? layer.home.choices().below(layer.finished.size()) : 0;
    bio* b = layer.finished[chosen];
    layer.finished.erase(layer.finished.begin() + static_cast<std::ptrdiff_t>(chosen));
    disk& d = *b->home;
    d.in_flight -= 1;
    if (d.gone) layer.home.exec().wake(d.changed);
    b->done(*b, b->error);
}

}  // namespace

int block_layer::inside::check(const disk& d, const bio& b) const {
    if (d.gone) return -EIO;
    if ((b.flags & bio::as_it_is) != 0) return 0;
    if (b.op == uapi::op::flush) return 0;
    const std::uint64_t block = d.limits.logical_block / uapi::sector_bytes;
    if (b.sector % block != 0 || b.sectors % block != 0) return -EINVAL;
    if (changes(b.op) && d.limits.read_only) return -EPERM;
    if (b.sector > d.limits.sectors || b.sectors > d.limits.sectors - b.sector) return -EIO;
    if (b.op == uapi::op::discard && d.limits.max_discard_sectors == 0) return -EOPNOTSUPP;
    return 0;
}

hardware_queue& block_layer::inside::queue_for(disk& d, const bio& b) {
    const std::size_t cpu = b.cpu >= 0
                                ? static_cast<std::size_t>(b.cpu)
                                : (d.queues.size() > 1 ? home.choices().below(d.queues.size()) : 0);
    return d.queues[cpu % d.queues.size()];
}

void block_layer::inside::feed(hardware_queue& q) {
    while (!q.waiting.empty() && !q.free.empty() && q.home->freezes == 0) {
        waiting_bio& w = q.waiting.front();
        bio& b = *w.origin;
        if (!feed_one(q, w)) continue;
        q.waiting.pop_front();
        end_part(b, 0);  // the hold of the splitting itself
    }
}

// Makes one request; true when it was the last.
bool block_layer::inside::feed_one(hardware_queue& q, waiting_bio& w) {
    const disk_limits& l = q.home->limits;
    std::size_t chosen = q.free.size() - 1;
    if (home.options().manner.any_order) chosen = home.choices().below(q.free.size());
    const std::uint16_t tag = q.free[chosen];
    q.free[chosen] = q.free.back();
    q.free.pop_back();
    block_request& r = q.requests[tag];
    const bool first = w.sector == w.origin->sector;
    const bool moves = w.op == uapi::op::read || w.op == uapi::op::write;
    r.op = w.op;
    r.flags = descriptor_flags(l, w);
    r.sector = w.sector;
    const bool as_it_is = (w.origin->flags & bio::as_it_is) != 0;
    r.sectors = as_it_is || w.sectors == 0 ? static_cast<std::uint32_t>(w.sectors) : most(l, w);
    r.data = !moves && !as_it_is ? nullptr : w.zeros ? zeros() : w.data;
    r.origin = w.origin;
    r.bytes = std::uint64_t{r.sectors} * uapi::sector_bytes;
    r.references = 0;
    r.committed = r.in_place = false;
    r.steps = steps_of(l, w, first);
    w.origin->parts_left += 1;
    w.sector += r.sectors;
    w.sectors -= r.sectors;
    if (w.data != nullptr) w.data += std::size_t{r.sectors} * uapi::sector_bytes;
    const bool last = w.sectors == 0;
    route(q, r);
    return last;
}

void block_layer::inside::end_part(bio& b, int error) {
    if (error != 0 && b.error == 0) b.error = error;
    b.parts_left -= 1;
    if (b.parts_left != 0) return;
    finished.push_back(&b);
    home.exec().soon({.run = call_done, .object = this});
}

}  // namespace ashlar::twin
