// SPDX-License-Identifier: MIT
// Operations on files and waits: what they do when their time has come.
#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/process.hpp"
#include "twin/uring_operation.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <utility>

namespace ashlar::twin {

namespace {

bool is_read(const io_uring_sqe& e) {
    return e.opcode == IORING_OP_READ || e.opcode == IORING_OP_READ_FIXED;
}
bool is_write(const io_uring_sqe& e) {
    return e.opcode == IORING_OP_WRITE || e.opcode == IORING_OP_WRITE_FIXED;
}
// What O_DIRECT wants of places, lengths and addresses.
constexpr std::uint64_t direct_align = 512;
// Of block devices: BLOCK_URING_CMD_DISCARD, from 6.12 on; before that fallocate had a mode for it.
constexpr unsigned command_discard = 0x12 << 8;
constexpr int discard_mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE | FALLOC_FL_NO_HIDE_STALE;

bool is_fixed(const io_uring_sqe& e) {
    return e.opcode == IORING_OP_READ_FIXED || e.opcode == IORING_OP_WRITE_FIXED;
}

// What the dice say of a transfer: an error (negative), or how much of it is done.
std::int64_t fate(kernel& k, file& f, bool write, bool direct, std::uint64_t bytes) {
    const file_faults& faults = f.faults;
    random& dice = k.choices();
    if (dice.chance(faults.again)) return -EAGAIN;
    if (dice.chance(faults.interrupted)) return -EINTR;
    if (dice.chance(write ? faults.write_error : faults.read_error)) return -EIO;
    if (write && dice.chance(faults.no_space)) return -ENOSPC;
    const bool rude = k.options().manner.short_transfers && dice.chance(faults.short_transfer);
    if (!rude || bytes < 2) return static_cast<std::int64_t>(bytes);
    // Any length is a legal answer, also one in the middle of a sector.
    const bool odd = dice.below(4) == 0 && faults.odd_lengths && !direct;
    const std::uint64_t part = 1 + dice.below(bytes - 1);
    if (odd) return static_cast<std::int64_t>(part);
    return static_cast<std::int64_t>(part < 512 ? bytes : part / 512 * 512);
}

// READ_FIXED and WRITE_FIXED name a buffer of the ring's table and a place in it: of a buffer that
// the process registered by its address, of a request's by the offset in its data.
int fixed_memory(const ring& r, const io_uring_sqe& e, std::byte*& memory, block_request*& owner) {
    if (e.buf_index >= r.buffers.size()) return -EFAULT;
    const fixed_buffer& b = r.buffers[e.buf_index];
    if (b.what == fixed_buffer::kind::none) return -EFAULT;
    if (is_read(e) ? !b.may_read_into : !b.may_write_from) return -EFAULT;
    const std::uint64_t base =
        b.what == fixed_buffer::kind::user ? reinterpret_cast<std::uintptr_t>(b.base) : 0;
    if (e.addr < base || e.addr - base > b.bytes || e.len > b.bytes - (e.addr - base)) {
        return -EFAULT;
    }
    memory = b.base + (e.addr - base);
    owner = b.owner;
    return 0;
}

}  // namespace

ring_operation* ring::new_operation(const io_uring_sqe& entry, open_file* f, entry_chain* chain) {
    ring_operation& o = home.operations().take();
    o.home = this;
    o.machine = &home;
    o.file = f;
    o.chain = chain;
    o.entry = entry;
    return &o;
}

void ring::start_wait(const io_uring_sqe& entry, entry_chain* chain) {
    ring_operation* o = new_operation(entry, nullptr, chain);
    o->waiting = true;
    __kernel_timespec t{};
    if (!process::copy_in(&t, entry.addr, sizeof t)) {
        home.operations().give_back(*o);
        post(entry.user_data, -EFAULT);
        return follow(chain, -EFAULT);
    }
    o->until = home.exec().now() + static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(t.tv_nsec);
    operations.push_back(o);
    o->schedule(o->until);
}

void ring::start_file(const io_uring_sqe& entry, open_file& f, entry_chain* chain) {
    ring_operation* o = new_operation(entry, &f, chain);
    kernel::get(f);
    operations.push_back(o);
    if (chain != nullptr && (is_read(entry) || is_write(entry))) chain->whole = entry.len;
    if (is_fixed(entry)) {
        if (int code = fixed_memory(*this, entry, o->memory, o->lent_by); code != 0) {
            return o->end(code);
        }
        // The request lasts as long as this.
        if (o->lent_by != nullptr) o->lent_by->references += 1;
    } else if (is_read(entry) || is_write(entry)) {
        o->memory = reinterpret_cast<std::byte*>(entry.addr);
    }
    if (f.what == open_file::kind::wakeup) {
        o->waiting = true;
        f.readers.push_back(o);
        if (f.signals != 0) o->schedule(0);
        return;
    }
    if (f.what == open_file::kind::character && (is_read(entry) || is_write(entry))) {
        const std::span<std::byte> memory(o->memory, entry.len);
        return o->end(static_cast<int>(home.ublk().copy(f, entry.off, memory, is_read(entry),
                                                        home.exec().current(), !is_fixed(entry))));
    }
    if (f.what != open_file::kind::regular) return o->end(-EOPNOTSUPP);
    if (f.direct && o->memory != nullptr && o->lent_by == nullptr &&
        (entry.addr | entry.off | entry.len) % direct_align != 0) {
        return o->end(-EINVAL);
    }
    if (entry.opcode == IORING_OP_FSYNC) o->sync_place = f.content->begin_sync();
    const std::uint64_t delay = f.content->faults.delay_max_ns;
    o->schedule(delay == 0 ? 0 : home.exec().now() + home.choices().below(delay));
}

void ring_operation::schedule(std::uint64_t at_ns) {
    if (scheduled) return;
    scheduled = true;
    const event e{&ring_operation::run, this, 0};
    at_ns == 0 ? machine->exec().soon(e) : machine->exec().at(at_ns, e);
}

void ring_operation::run(void* object, std::uint64_t) {
    auto& o = *static_cast<ring_operation*>(object);
    o.scheduled = false;
    if (o.over) {
        o.machine->operations().give_back(o);
        return;
    }
    if (o.file == nullptr) {
        return o.entry.opcode == IORING_OP_LINK_TIMEOUT ? o.time_is_over() : o.end(-ETIME);
    }
    if (o.file->what == open_file::kind::wakeup) {
        if (o.file->signals == 0) return;  // somebody else took it
        if (o.entry.opcode == IORING_OP_POLL_ADD) return o.end(POLLIN);
        if (!o.detached) process::copy_out(o.entry.addr, &o.file->signals, sizeof o.file->signals);
        o.file->signals = 0;
        return o.end(8);
    }
    if (o.entry.opcode != IORING_OP_FSYNC) return o.end(o.perform());
    if (o.answer) return o.end(*o.answer);
    // The threads that do syncs may tell of them in another order than they were done.
    o.answer = o.perform();
    const std::uint64_t delay = o.file->content->faults.delay_max_ns;
    o.schedule(delay == 0 ? 0 : o.machine->exec().now() + o.machine->choices().below(delay));
}

void process::signal_reader(open_file& f) { f.readers.front()->schedule(0); }

// The limit of an operation of a chain: takes it back, if it is still there.
void ring_operation::time_is_over() {
    ring* r = home;
    const std::uint64_t guarded = entry.addr2;
    const std::uint64_t me = entry.user_data;
    std::erase(r->operations, this);
    machine->operations().give_back(*this);
    auto is_guarded = [&](const entry_chain* c) {
        return c != nullptr && c->timeout_armed && c->timeout_user_data == me &&
               c->guarded == guarded;
    };
    for (uring_command* c : r->commands) {
        if (!is_guarded(c->chain)) continue;
        c->chain->timeout_armed = false;
        r->post(me, -ETIME);
        r->cancel(guarded);
        break;
    }
    for (ring_operation* o : r->operations) {
        if (!is_guarded(o->chain)) continue;
        o->chain->timeout_armed = false;
        r->post(me, -ETIME);
        if (o->waiting) o->end(-ECANCELED);
        break;
    }
    if (r->closing) r->home.ring_progressed(*r);
}

int ring_operation::perform() {
    class file& f = *file->content;
    random& dice = machine->choices();
    switch (entry.opcode) {
        case IORING_OP_POLL_ADD: return POLLIN | POLLOUT;
        case IORING_OP_FSYNC:
            if (dice.chance(f.faults.sync_error)) {
                f.fail_sync(sync_place);
                f.sync_errors += 1;
                f.sync_error_told = false;
            } else {
                f.end_sync(sync_place);
            }
            if (file->seen_sync_errors == f.sync_errors) return 0;
            file->seen_sync_errors = f.sync_errors;
            f.sync_error_told = true;
            return -EIO;
        case IORING_OP_FALLOCATE: return allocate(f);
        case IORING_OP_URING_CMD:
            if (!f.block_device || entry.cmd_op != command_discard ||
                !machine->version().at_least(6, 12)) {
                return -EOPNOTSUPP;
            }
            if (!file->writable) return -EBADF;
            f.punch(entry.addr, entry.addr3);
            return 0;
        default: break;
    }
    const bool write = is_write(entry);
    if (write ? !file->writable : !file->readable) return -EBADF;
    const std::uint64_t there = entry.off < f.size() ? f.size() - entry.off : 0;
    const std::uint64_t bytes = std::min<std::uint64_t>(entry.len, there);
    const std::int64_t done = fate(*machine, f, write, file->direct, bytes);
    machine->log().add(write ? "file: {} bytes of {} written at {}"
                             : "file: {} bytes of {} read at {}",
                       static_cast<std::uint64_t>(done), entry.len, entry.off);
    if (done <= 0) return static_cast<int>(done);
    if (write) {
        f.write(entry.off, {memory, static_cast<std::size_t>(done)});
    } else if (!detached) {
        f.read(entry.off, {memory, static_cast<std::size_t>(done)});
    }
    return static_cast<int>(done);
}

int ring_operation::allocate(class file& f) {
    random& dice = machine->choices();
    if (dice.chance(f.faults.no_space)) return -ENOSPC;
    if (dice.chance(f.faults.interrupted)) return -EINTR;
    if (!file->writable) return -EBADF;
    // The length stands in the address's place, the mode in the length's.
    const auto mode = static_cast<int>(entry.len);
    const bool discards = f.block_device && mode == discard_mode;
    if (discards && machine->version().at_least(6, 12)) return -EOPNOTSUPP;
    const bool hole = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    const bool zeros = (mode & FALLOC_FL_ZERO_RANGE) != 0;
    if (hole && f.faults.no_holes && !discards) return -EOPNOTSUPP;
    if (zeros && f.faults.no_zero_ranges) return -EOPNOTSUPP;
    if (!hole && !zeros) return -EOPNOTSUPP;
    f.punch(entry.off, entry.addr);
    return 0;
}

void ring_operation::take_along() {
    if (detached) return;
    detached = true;
    if (memory == nullptr || lent_by != nullptr || !is_write(entry) || file == nullptr) return;
    own.assign(memory, memory + entry.len);
    memory = own.data();
}

void ring_operation::end(int result) {
    ring* r = home;
    kernel& k = *machine;
    open_file* f = file;
    entry_chain* then = chain;
    const bool silent = entry.opcode == IORING_OP_LINK_TIMEOUT;
    if (r != nullptr) {
        std::erase(r->operations, this);
        if (!r->closing && !silent) r->post(entry.user_data, result);
    }
    if (f != nullptr) std::erase(f->readers, this);
    if (lent_by != nullptr) k.ublk().buffer_returned(*std::exchange(lent_by, nullptr));
    over = true;
    if (!scheduled) k.operations().give_back(*this);
    if (f != nullptr) k.put(*f);
    if (r == nullptr) return;
    r->follow(then, result);
    if (r->closing) k.ring_progressed(*r);
}

}  // namespace ashlar::twin
