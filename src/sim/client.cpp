// SPDX-License-Identifier: MIT
#include "sim/client.hpp"

#include "twin/stepped.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace ashlar::sim {

namespace {

constexpr std::uint64_t absent_disk_ns = 500'000;  // for a disk that is not there
constexpr std::uint64_t after_error_ns = 200'000;

bool has_data(const operation& o) { return o.op == uapi::op::read || o.op == uapi::op::write; }
bool is_write(const operation& o) { return o.op != uapi::op::read && o.op != uapi::op::flush; }

std::string_view name_of(uapi::op op) {
    switch (op) {
        case uapi::op::read: return "read";
        case uapi::op::write: return "write";
        case uapi::op::flush: return "flush";
        case uapi::op::discard: return "discard";
        default: return "write-zeroes";
    }
}

}  // namespace

client::client(surroundings& around, unsigned number, const client_plan& plan,
               std::uint32_t disk_id)
    : around_(around), plan_(plan), number_(number), disk_id_(disk_id), slots_(plan.width) {
    std::uint32_t largest = 0;
    for (const operation& o : plan.operations) {
        if (has_data(o)) largest = std::max(largest, o.sectors);
    }
    for (slot& s : slots_) {
        s.owner = this;
        s.data.reset(new std::byte[largest * sector_bytes]);
        s.bio.done = &client::bio_done;
        s.bio.user = &s;
        free_.push_back(&s);
    }
}

void client::begin() { go_on(); }

void client::timer(void* self, std::uint64_t generation) {
    auto& c = *static_cast<client*>(self);
    if (generation != c.generation_) return;
    c.pausing_ = false;
    c.rested_ = true;
    c.go_on();
}

void client::pause(std::uint64_t ns) {
    pausing_ = true;
    twin::executor& e = around_.kernel().exec();
    e.at(e.now() + ns, {&client::timer, this, ++generation_});
}

bool client::open() {
    twin::block_layer& blocks = around_.kernel().blocks();
    disk_ = blocks.find(disk_id_);
    if (disk_ != nullptr && blocks.open(*disk_, true, 0, 0, false) != 0) disk_ = nullptr;
    return disk_ != nullptr;
}

void client::close() {
    if (disk_ != nullptr) around_.kernel().blocks().close(*disk_, false);
    disk_ = nullptr;
    doubtful_ = false;
}

void client::go_on() {
    if (pausing_) return;
    // After an error the disk may be one that is gone: look again, once nothing is under way.
    if (doubtful_) {
        if (busy_ != 0) return;
        close();
        if (next_ != plan_.operations.size()) return pause(after_error_ns);
    }
    unsigned plugged = 0;
    while (next_ != plan_.operations.size() && !free_.empty()) {
        const operation& o = plan_.operations[next_];
        if (o.pause_us != 0 && !rested_) {
            pause(o.pause_us * std::uint64_t{1000});
            break;
        }
        if (disk_ == nullptr && !open()) {
            pause(absent_disk_ns);
            break;
        }
        rested_ = false;
        if (plugged == 0 && o.together != 0) {
            plugged = o.together + 1U;
            around_.kernel().blocks().plug(*disk_);
        }
        ++next_;
        submit(o);
        if (plugged != 0 && --plugged == 0) around_.kernel().blocks().unplug(*disk_);
    }
    if (plugged != 0) around_.kernel().blocks().unplug(*disk_);
    if (finished() && !told_) {
        told_ = true;
        close();
        around_.client_finished();
    }
}

void client::submit(const operation& o) {
    slot& s = *free_.back();
    free_.pop_back();
    busy_ += 1;
    s.what = &o;
    s.step = around_.kernel().steps().steps();
    oracle& truth = around_.truth();
    const bool fua = (o.flags & twin::bio::fua) != 0;
    if ((o.flags & twin::bio::preflush) != 0) s.flush_began = truth.begin_flush();
    if (is_write(o)) {
        s.of = o.op == uapi::op::write ? std::uint64_t{number_ + 1} << 32 | ++sequence_ : 0;
        s.began = truth.begin_write(o.sector, o.sectors, s.of, fua);
    } else if (o.op == uapi::op::flush) {
        s.began = truth.begin_flush();
    } else {
        s.began = truth.begin_read(o.sector, o.sectors);
    }
    if (o.op == uapi::op::write) {
        for (std::uint32_t i = 0; i < o.sectors; ++i) {
            stamp(std::span<std::byte, sector_bytes>(&s.data[i * sector_bytes], sector_bytes),
                  o.sector + i, s.of);
        }
    } else if (o.op == uapi::op::read) {
        // Not what an earlier read left here: a read that fills nothing is to be seen.
        for (std::uint32_t i = 0; i < o.sectors; ++i) {
            std::memset(&s.data[i * sector_bytes], 0xa5, 24);
        }
    }
    s.bio.op = o.op;
    s.bio.flags = o.flags;
    s.bio.sector = o.sector;
    s.bio.sectors = o.sectors;
    s.bio.data = has_data(o) ? s.data.get() : nullptr;
    s.bio.cpu = o.cpu;
    around_.kernel().blocks().submit(*disk_, s.bio);
}

void client::bio_done(twin::bio& b, int error) {
    auto& s = *static_cast<slot*>(b.user);
    s.owner->ended(s, error);
}

void client::ended(slot& s, int error) {
    if (s.what == nullptr) return around_.broken("a request was answered twice");
    const operation& o = *s.what;
    oracle& truth = around_.truth();
    client_counters& count = around_.counters();
    count.requests += 1;
    if (error != 0) {
        count.failed += 1;
        doubtful_ = true;
        if (!around_.may_fail(o, s.step, error)) {
            around_.broken(fmt::format("client {}: {} of {} sectors at {} failed without a reason: "
                                       "{}",
                                       number_, name_of(o.op), o.sectors, o.sector,
                                       errno_name(-error)));
        }
    }
    if (is_write(o)) {
        truth.end_write(s.began, o.sector, o.sectors, error == 0, (o.flags & twin::bio::fua) != 0);
        if ((o.flags & twin::bio::preflush) != 0) truth.end_flush(s.flush_began, error == 0);
        (o.op == uapi::op::write     ? count.writes
         : o.op == uapi::op::discard ? count.discards
                                     : count.zeroes) += 1;
    } else if (o.op == uapi::op::flush) {
        truth.end_flush(s.began, error == 0);
        count.flushes += 1;
    } else {
        if (error == 0) check_read(s);
        truth.end_read(o.sector, o.sectors);
        count.reads += 1;
    }
    s.what = nullptr;
    free_.push_back(&s);
    busy_ -= 1;
    go_on();
}

void client::check_read(const slot& s) {
    const operation& o = *s.what;
    oracle& truth = around_.truth();
    for (std::uint32_t i = 0; i < o.sectors; ++i) {
        const std::uint64_t sector = o.sector + i;
        const std::span<const std::byte, sector_bytes> data(&s.data[i * sector_bytes],
                                                            sector_bytes);
        const seen found = look(data, sector);
        const bool legible = found.what == seen::kind::zeros || found.what == seen::kind::whole;
        if (!legible || !truth.may_read(s.began, sector, found.of)) {
            return report(s, found, sector);
        }
        truth.learn(s.began, sector, found.of);
    }
    around_.counters().sectors_checked += o.sectors;
}

void client::report(const slot& s, const seen& found, std::uint64_t sector) {
    const auto write = [&] {
        return fmt::format("write {} of client {}", found.of & 0xffffffff, (found.of >> 32) - 1);
    };
    std::string what;
    switch (found.what) {
        case seen::kind::zeros: what = "zeros"; break;
        case seen::kind::whole: what = write(); break;
        case seen::kind::misplaced:
            what = fmt::format("{}, which is of sector {}", write(), found.sector);
            break;
        case seen::kind::torn: what = "a torn " + write(); break;
        case seen::kind::garbage: what = "what nobody wrote"; break;
    }
    around_.broken(fmt::format(
        "client {}: a read of {} sectors at {} gave, as sector {}, {}; legal: {}", number_,
        s.what->sectors, s.what->sector, sector, what, around_.truth().describe(sector)));
}

void client::power_cut() {
    free_.clear();
    for (slot& s : slots_) {
        s.what = nullptr;
        free_.push_back(&s);
    }
    busy_ = 0;
    disk_ = nullptr;
    doubtful_ = pausing_ = rested_ = false;
    ++generation_;
}

std::string client::waits_for() const {
    std::string text;
    for (const slot& s : slots_) {
        if (s.what == nullptr) continue;
        text += fmt::format("client {}: {} of {} sectors at {} is under way since step {}\n",
                            number_, name_of(s.what->op), s.what->sectors, s.what->sector, s.step);
    }
    return text;
}

}  // namespace ashlar::sim
