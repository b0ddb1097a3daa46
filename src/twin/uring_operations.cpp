// SPDX-License-Identifier: MIT
// Entries become operations: the checks of io_uring itself (rules U-), links, cancellation.
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/process.hpp"
#include "twin/uring_operation.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace ashlar::twin {

namespace {

constexpr std::uint8_t link_flags = IOSQE_IO_LINK | IOSQE_IO_HARDLINK;
constexpr std::uint8_t usual_flags =
    IOSQE_FIXED_FILE | IOSQE_ASYNC | IOSQE_CQE_SKIP_SUCCESS | link_flags;

std::uint64_t time_of(const io_uring_sqe& entry) {
    __kernel_timespec t{};
    if (!process::copy_in(&t, entry.addr, sizeof t)) return 0;
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec);
}

// What the twin does itself; the rest is judged by the rows of io_uring first.
bool opcode_known(std::uint8_t opcode) {
    switch (opcode) {
        case IORING_OP_NOP:
        case IORING_OP_ASYNC_CANCEL:
        case IORING_OP_TIMEOUT:
        case IORING_OP_URING_CMD:
        case IORING_OP_POLL_ADD:
        case IORING_OP_READ:
        case IORING_OP_WRITE:
        case IORING_OP_READ_FIXED:
        case IORING_OP_WRITE_FIXED:
        case IORING_OP_FSYNC:
        case IORING_OP_FALLOCATE: return true;
        default: return false;
    }
}

}  // namespace

// Gathers linked entries; the last of a chain, or an entry without links, starts them.
void ring::consume(io_uring_sqe* entry) {
    const bool linked = (entry->flags & link_flags) != 0;
    if (open_chain_ == nullptr && !linked) return start(*entry, nullptr);
    if (open_chain_ == nullptr) {
        open_chain_ = new entry_chain{.home = this};
    }
    open_chain_->rest.push_back(*entry);
    if (!linked) end_chain();
}

void ring::end_chain() {
    if (open_chain_ == nullptr) return;
    entry_chain* chain = std::exchange(open_chain_, nullptr);
    const io_uring_sqe first = chain->rest.front();
    chain->rest.pop_front();
    start(first, chain);
}

// What follows an operation of a chain that has ended.
void ring::follow(entry_chain* chain, int result) {
    if (chain == nullptr) return;
    if (chain->timeout_armed) {
        chain->timeout_armed = false;
        post(chain->timeout_user_data, -ECANCELED);
    }
    const bool broken =
        !chain->hard &&
        (result < 0 || (chain->whole != 0 && static_cast<std::uint64_t>(result) != chain->whole));
    if (chain->rest.empty() || broken || closing) {
        for (const io_uring_sqe& never : chain->rest) post(never.user_data, -ECANCELED);
        delete chain;
        return;
    }
    const io_uring_sqe next = chain->rest.front();
    chain->rest.pop_front();
    start(next, chain);
}

open_file* ring::file_for(const io_uring_sqe& entry) const {
    if ((entry.flags & IOSQE_FIXED_FILE) == 0) return owner->file_of(entry.fd);
    const auto index = static_cast<std::size_t>(entry.fd);
    return index < files.size() ? files[index] : nullptr;
}

bool ring::restricts(const io_uring_sqe& entry) const {
    if (uses == nullptr) return false;
    return std::ranges::find(uses->operations, entry.opcode) == uses->operations.end() ||
           (entry.flags & ~uses->entry_flags) != 0;
}

// By the rows of io_uring; 0 when it takes the entry. Entries of the usual form need no look.
int ring::refused(const io_uring_sqe& entry) const {
    const bool command = entry.opcode == IORING_OP_URING_CMD;
    const bool usual = (entry.flags & ~usual_flags) == 0 && entry.ioprio == 0;
    const bool restricted = restricts(entry);
    if (usual && !restricted && opcode_known(entry.opcode) &&
        (!command || (entry.__pad1 == 0 && entry.uring_cmd_flags == 0))) {
        return 0;
    }
    using call = rules::call;
    const open_file* f = file_for(entry);
    call c;
    c.opcode = entry.opcode;
    c.entry_flags = entry.flags;
    c.ioprio = entry.ioprio;
    c.personality_known = entry.personality == 0;
    c.wide_entry = wide;
    c.polled_ring = false;
    c.restricted = restricted;
    c.command_number = entry.cmd_op;
    c.pad1 = entry.__pad1;
    c.command_flags = entry.uring_cmd_flags;
    c.entry_address = entry.addr;
    c.fields_of_other_opcode_clear =
        entry.addr == 0 && entry.buf_index == 0 && entry.addr3 == 0 && entry.uring_cmd_flags == 0;
    c.file = f == nullptr                            ? call::file_kind::none
             : f->what == open_file::kind::control   ? call::file_kind::control
             : f->what == open_file::kind::character ? call::file_kind::character
                                                     : call::file_kind::other;
    const rules::row* broken =
        home.contract().first_broken(rules::subject::entry, c, rules::stage::ring);
    return broken != nullptr ? -broken->code(c) : 0;
}

void ring::start(const io_uring_sqe& entry, entry_chain* chain) {
    auto answer = [&](int result) {
        post(entry.user_data, result);
        follow(chain, result);
    };
    if (chain != nullptr) {
        chain->hard = (entry.flags & IOSQE_IO_HARDLINK) != 0;
        chain->whole = 0;
        chain->guarded = entry.user_data;
    }
    if (int code = refused(entry); code != 0) return answer(code);
    switch (entry.opcode) {
        case IORING_OP_NOP: return answer(0);
        case IORING_OP_ASYNC_CANCEL: return answer(cancel(entry.addr));
        case IORING_OP_TIMEOUT: return start_wait(entry, chain);
        default: break;
    }
    if (!opcode_known(entry.opcode)) {
        home.accuse("the twin's io_uring has no opcode " + std::to_string(entry.opcode));
        return answer(-EOPNOTSUPP);
    }
    open_file* f = file_for(entry);
    if (f == nullptr) return answer(-EBADF);
    if (chain != nullptr) guard(*chain);
    if (entry.opcode == IORING_OP_URING_CMD && f->what != open_file::kind::regular) {
        return start_command(entry, *f, chain);
    }
    start_file(entry, *f, chain);
}

// A LINK_TIMEOUT right behind the entry that starts now limits its time.
void ring::guard(entry_chain& chain) {
    if (chain.rest.empty() || chain.rest.front().opcode != IORING_OP_LINK_TIMEOUT) return;
    const io_uring_sqe limit = chain.rest.front();
    chain.rest.pop_front();
    chain.timeout_user_data = limit.user_data;
    chain.timeout_armed = true;
    ring_operation* o = new_operation(limit, nullptr, nullptr);
    o->entry.addr2 = chain.guarded;
    o->waiting = true;
    operations.push_back(o);
    o->schedule(home.exec().now() + time_of(limit));
}

void ring::start_command(const io_uring_sqe& entry, open_file& f, entry_chain* chain) {
    uring_command* c = &home.commands().take();
    c->home = this;
    c->caller = owner;
    c->file = &f;
    c->who = home.exec().current();
    c->user_data = entry.user_data;
    c->number = entry.cmd_op;
    c->flags = entry.uring_cmd_flags;
    c->address = entry.addr;
    c->length = entry.len;
    c->buffer_group = entry.buf_index;
    c->buffer_select = (entry.flags & IOSQE_BUFFER_SELECT) != 0;
    c->skip_success = (entry.flags & IOSQE_CQE_SKIP_SUCCESS) != 0;
    c->wide = wide;
    c->chain = chain;
    std::memcpy(c->payload.data(), entry.cmd, wide ? 80 : 16);
    kernel::get(f);
    commands.push_back(c);
    std::optional<int> result;
    if (f.what == open_file::kind::control) {
        const int failing = home.injected_failure();
        result = failing != 0 ? std::optional(-failing) : home.ublk().control_command(*c);
    } else if (f.what == open_file::kind::character) {
        const bool fetch =
            (entry.cmd_op & 0xff) == static_cast<std::uint8_t>(uapi::io_op::fetch_req);
        const int failing = fetch ? home.injected_failure() : 0;
        result = failing != 0 ? std::optional(-failing) : home.ublk().io_command(*c);
    } else {
        result = -EOPNOTSUPP;
    }
    if (result) complete(*c, *result);
}

// 0 if what waited under this name is taken back; the operation itself ends with its own code.
int ring::cancel(std::uint64_t user_data) {
    for (uring_command* c : commands) {
        if (c->user_data != user_data) continue;
        if (c->file->what != open_file::kind::control) continue;  // KERNEL.md 2.9: not found
        return home.ublk().cancel_control(*c) ? -EALREADY : -ENOENT;
    }
    for (ring_operation* o : operations) {
        if (o->entry.user_data != user_data) continue;
        if (!o->waiting) return -EALREADY;
        o->end(-ECANCELED);
        return 0;
    }
    return -ENOENT;
}

bool ring::close() {
    closing = true;
    const std::vector<uring_command*> waiting = commands;
    for (uring_command* c : waiting) {
        if (c->file->what == open_file::kind::control) {
            home.ublk().cancel_control(*c);
        } else {
            home.ublk().cancel_io(*c);
        }
    }
    const std::vector<ring_operation*> running = operations;
    for (ring_operation* o : running) {
        o->take_along();
        const bool ghost =
            o->file != nullptr && o->file->content != nullptr && o->file->content->faults.ghosts;
        if (o->waiting) {
            o->end(-ECANCELED);
        } else if (ghost) {
            std::erase(operations, o);
            o->home = nullptr;
        }
    }
    return over();
}

void ring::lose_operations() {
    const std::vector<ring_operation*> running = operations;
    for (ring_operation* o : running) {
        const bool disk = o->file != nullptr && o->file->what == open_file::kind::regular;
        const bool sync = o->entry.opcode == IORING_OP_FSYNC;
        if (disk && !sync && home.choices().below(2) == 0) {
            o->detached = true;
            o->perform();
        }
        o->end(-ECANCELED);
    }
}

}  // namespace ashlar::twin
