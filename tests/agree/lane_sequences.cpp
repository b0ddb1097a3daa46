// SPDX-License-Identifier: MIT
// Zero copy by hand and by itself, shared memory, and batches.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;
using uapi::io_op;

const shape zero_copy{.flags = uapi::f_supp_zero_copy};
const shape automatic{.flags = uapi::f_auto_buf_reg};
const shape both{.flags = uapi::f_auto_buf_reg | uapi::f_supp_zero_copy};

constexpr const char* registered_at_the_end =
    "7.3 never completes a request that was committed while registered, when its ring ends";

step table(std::uint64_t entries) {
    step s = call(op::table);
    s.length = entries;
    return s;
}

step buffer(io_op what, std::uint64_t index) {
    step s = io(what);
    s.at = place::number;
    s.number = index;
    return s;
}
step reg(std::uint64_t index) { return buffer(io_op::register_io_buf, index); }
step unreg(std::uint64_t index) { return buffer(io_op::unregister_io_buf, index); }

steps asked_with_table(const shape& of) {
    steps all = {table(4)};
    join(all, asked(of));
    return all;
}

sequences by_hand() {
    const step done = commit(zero_copy, 4096);
    return {
        make("register.fine", asked_with_table(zero_copy), reg(0).meets("REG-0", "0"),
             unreg(0).meets("UNREG-0", "0"), done),
        make("register.no-flag", table(4), asked(), reg(0).meets("REG-1", "-EINVAL"),
             commit({}, 4096)),
        make("register.flush", table(4), add(zero_copy),
             params_with([](uapi::params& p) { p.basic.attrs = uapi::attr_volatile_cache; }),
             open_char(), map_queue(), fetch(zero_copy), start(), disk_open(O_RDWR),
             disk(op::disk_flush), reg(0).meets("REG-1", "-EINVAL"), commit(zero_copy, 0)),
        make("register.idle", table(4), live(zero_copy), reg(0).meets("IO-7", "-EBUSY")),
        make("register.idle-other-thread", table(4), live(zero_copy), by(table(4), p_server, 1),
             by(reg(0), p_server, 1).meets("REG-2", "-EINVAL")),
        make("register.other-thread", asked_with_table(zero_copy), by(table(4), p_server, 1),
             by(reg(0), p_server, 1), by(unreg(0), p_server, 1), done),
        make("register.index-over", asked_with_table(zero_copy), reg(4).meets("REG-3", "-EINVAL"),
             done),
        make("register.no-table", asked(zero_copy), reg(0).meets("REG-3", "-EINVAL"), done),
        make("register.taken", asked_with_table(zero_copy), reg(0), reg(0).meets("REG-4", "-EBUSY"),
             unreg(0), done),
        make("register.twice-two-places", asked_with_table(zero_copy), reg(0), reg(1), done,
             unreg(0), unreg(1)),
        make("register.commit-first", asked_with_table(zero_copy), reg(0), done, unreg(0),
             disk(op::disk_read), done),
        make("register.high-bits", asked_with_table(zero_copy), reg(0x100000001), unreg(1), done),
        make("unregister.no-flag", table(4), asked(), unreg(0).meets("UNREG-1", "-EINVAL"),
             commit({}, 4096)),
        make("unregister.index-over", asked_with_table(zero_copy),
             unreg(4).meets("UNREG-2", "-EINVAL"), done),
        make("unregister.empty", asked_with_table(zero_copy), unreg(0).meets("UNREG-2", "-EINVAL"),
             done),
        make("unregister.bad-queue", asked_with_table(zero_copy), reg(0),
             changed(unreg(0),
                     [](step& s) {
                         s.queue = 9;
                         s.tag = 99;
                     })
                 .meets("IO-2", "0"),
             done),
        make("unregister.other-ring", asked_with_table(zero_copy), reg(0),
             changed(unreg(0), [](step& s) { s.ring = r_second; }), unreg(0), done),
        make("register.killed-holding", asked_with_table(zero_copy), reg(0),
             by(call(op::kill), p_server)),
        wedges(registered_at_the_end,
               make("register.ring-closed-holding", asked_with_table(zero_copy), reg(0), done,
                    call(op::ring_close))),
        make("zero-copy.addr-in-fetch", opened(zero_copy),
             changed(fetch(zero_copy), [](step& s) { s.at = place::buffer; })
                 .meets("FETCH-2", "-EINVAL")),
        make("zero-copy.short", asked(zero_copy), commit(zero_copy, 512)),
        make("zero-copy.pread", asked(zero_copy),
             changed(call(op::pread),
                     [](step& s) {
                         s.position = 0x80000000;
                         s.length = 512;
                     })
                 .meets("UC-5", "-EACCES"),
             done),
    };
}

sequences by_itself() {
    const auto index = [](step s, std::uint64_t word) {
        s.entry_addr = word;
        return s;
    };
    const auto live_at = [&](const shape& of, std::uint64_t word, std::uint64_t entries) {
        steps all = opened(of);
        if (entries != 0) all.push_back(table(entries));
        all.push_back(index(fetch(of), word));
        all.push_back(start());
        all.push_back(disk_open(O_RDWR));
        return all;
    };
    const step done = index(commit(automatic, 4096), 0);
    const step read = disk(op::disk_read);
    return {
        make("auto.fine", live_at(automatic, 0, 4), read, done),
        make("auto.reserved", opened(automatic), table(4),
             index(fetch(automatic), 1ull << 24).meets("FETCH-3", "-EINVAL")),
        make("auto.reserved-high", opened(automatic), table(4),
             index(fetch(automatic), 1ull << 40).meets("FETCH-3", "-EINVAL")),
        make("auto.flag-unknown", opened(automatic), table(4),
             index(fetch(automatic), 1ull << 17).meets("FETCH-3", "-EINVAL")),
        make("auto.flag-fallback", opened(automatic), table(4),
             index(fetch(automatic), 1ull << 16).meets("FETCH-0", "waits")),
        make("auto.index-over", live_at(automatic, 9, 4), read),
        make("auto.index-over-fallback", live_at(automatic, 9 | (1 << 16), 4), read, done),
        make("auto.no-table", live_at(automatic, 0, 0), read),
        make("auto.commit-reserved", live_at(automatic, 0, 4), read,
             index(commit(automatic, 4096), 1ull << 24).meets("COMMIT-3", "-EINVAL", 703), done),
        make("auto.next-index", live_at(automatic, 0, 4), read, index(commit(automatic, 4096), 2),
             read, done),
        wedges(registered_at_the_end, make("auto.occupied", live_at(both, 0, 4), read, reg(1),
                                           index(commit(both, 4096), 1))),
        make("auto.unregister-by-hand", live_at(both, 0, 4), read, unreg(0), done),
        make("auto.unregister-without-flag", live_at(automatic, 0, 4), read,
             unreg(0).meets("UNREG-1", "-EINVAL"), done),
        make("auto.other-ring", live_at(both, 0, 4), read,
             changed(table(4), [](step& s) { s.ring = r_second; }),
             changed(done, [](step& s) { s.ring = r_second; }), unreg(0)),
        make("auto.killed", live_at(automatic, 0, 4), read, by(call(op::kill), p_server)),
        make("auto.addr-in-command", opened(automatic), table(4),
             changed(fetch(automatic), [](step& s) { s.at = place::buffer; })
                 .meets("FETCH-2", "-EINVAL")),
        make("auto.fallback-by-hand", live_at(both, 9 | (1 << 16), 4), read, reg(1), unreg(1),
             done),
    };
}

sequences shared_memory() {
    const shape shmem{.flags = uapi::f_shmem_zc};
    const auto give = [](uapi::shmem_buf_reg r, std::uint16_t len = 24) {
        step s = command(ctrl_op::reg_buf);
        s.payload = bytes_of(r);
        s.header_len = len;
        s.at = place::payload;
        return s;
    };
    // The memory is the process's own area: addresses below are offsets in it.
    const auto area = [&](std::uint64_t from, std::uint64_t bytes, std::uint32_t flags = 0) {
        step s = give({.addr = from, .len = bytes, .flags = flags});
        s.own_area = true;
        return s;
    };
    const auto take = [](std::uint64_t index) {
        step s = command(ctrl_op::unreg_buf);
        s.data0 = index;
        return s;
    };
    return {
        make("shmem.no-flag", live(), area(0, 4096).meets("RBUF-1", "-EOPNOTSUPP"),
             take(0).meets("UBUF-1", "-EOPNOTSUPP")),
        make("shmem.bad", live(shmem),
             changed(area(0, 4096), [](step& s) { s.at = place::bad; }).meets("RBUF-2", "-EFAULT")),
        make("shmem.flag-unknown", live(shmem), area(0, 4096, 2).meets("RBUF-3", "-EINVAL")),
        make("shmem.reserved", live(shmem),
             give({.addr = 0, .len = 4096, .reserved = 1}).meets("RBUF-4", "-EINVAL")),
        make("shmem.len-0", live(shmem), area(0, 0).meets("RBUF-5", "-EINVAL")),
        make("shmem.len-unaligned", live(shmem), area(0, 100).meets("RBUF-5", "-EINVAL")),
        make("shmem.addr-unaligned", live(shmem), area(512, 4096).meets("RBUF-5", "-EINVAL")),
        make("shmem.len-over-4g", live(shmem),
             area(0, (1ull << 32) + 4096).meets("RBUF-5", "-EINVAL")),
        make("shmem.unmapped", live(shmem),
             give({.addr = 4096, .len = 4096}).meets("RBUF-7", "-EFAULT")),
        make("shmem.fine", live(shmem), area(0, 8192).meets("RBUF-0", "0"),
             area(8192, 4096, 1).meets("RBUF-0", "1"), take(0).meets("UBUF-0", "0"),
             take(0).meets("UBUF-3", "-ENOENT"), area(16384, 4096)),
        make("shmem.same-page", live(shmem), area(0, 8192),
             area(4096, 4096).meets("RBUF-10", "-EEXIST")),
        make("shmem.added", added(shmem), area(0, 4096), take(0)),
        make("shmem.short", live(shmem), changed(area(0, 4096), [](step& s) { s.header_len = 16; }),
             changed(area(0, 4096), [](step& s) { s.header_len = 8; })),
        make("shmem.index-over", live(shmem), take(65536).meets("UBUF-2", "-EINVAL"),
             take(0xffffffff).meets("UBUF-2", "-EINVAL"), take(65535).meets("UBUF-3", "-ENOENT")),
        make("shmem.copy-when-elsewhere", live(shmem), area(0, 8192), disk_open(O_RDWR),
             disk(op::disk_read), commit({}, 4096)),
        make("shmem.in-flight", asked(shmem), by(area(0, 8192), p_other, 1), commit({}, 4096)),
        make("shmem.unknown-in-flight", asked(shmem), by(take(7), p_other, 1), commit({}, 4096)),
    };
}

sequences batches() {
    const shape b{.flags = uapi::f_batch_io, .depth = 2};
    const shape bc{.flags = uapi::f_batch_io | uapi::f_user_copy, .depth = 2};
    const auto prep = [](std::vector<std::uint16_t> tags, bool with_buffers = true) {
        return batch(io_op::prep_io_cmds, 0, std::move(tags), 0, with_buffers);
    };
    const auto done = [](std::int32_t result, bool with_buffers = true) {
        return batch(io_op::commit_io_cmds, 0, {tag_delivered}, result, with_buffers);
    };
    const auto buffers = [] {
        step s = call(op::provide);
        s.length = 8;
        s.group = 1;
        return s;
    };
    const auto header = [&](std::string id, auto change, std::string rule, std::string outcome) {
        return make("batch." + std::move(id), opened(b),
                    changed(prep({0, 1}), change).meets(std::move(rule), std::move(outcome)));
    };
    const step read = disk(op::disk_read);
    return {
        header(
            "queue", [](step& s) { s.queue = 1; }, "B-1", "-EINVAL"),
        header(
            "too-many", [](step& s) { s.elements = 3; }, "B-2", "-E2BIG"),
        header(
            "zone",
            [](step& s) {
                s.batch_flags |= 1;
                s.element_bytes = 24;
            },
            "B-3", "-EINVAL"),
        header(
            "fallback", [](step& s) { s.batch_flags |= 4; }, "B-5", "-EINVAL"),
        header(
            "flag-unknown", [](step& s) { s.batch_flags |= 8; }, "B-6", "-EINVAL"),
        header(
            "element-bytes", [](step& s) { s.element_bytes = 24; }, "B-8", "-EINVAL"),
        header(
            "no-elements",
            [](step& s) {
                s.elements = 0;
                s.payload.clear();
            },
            "BE-0", "0"),
        header(
            "bad-array", [](step& s) { s.at = place::bad; }, "BE-1", "-EFAULT"),
        header(
            "no-array", [](step& s) { s.at = place::none; }, "BE-1", "-EFAULT"),
        make("batch.raw", opened(b), changed(prep({0, 1}), [](step& s) { s.command &= 0xff; })),
        header(
            "fine", [](step&) {}, "BE-0", "0"),
        make("batch.buffer-in-user-copy", opened(bc), prep({0, 1}).meets("B-4", "-EINVAL"),
             prep({0, 1}, false).meets("BE-0", "0")),
        make("batch.no-buffer", opened(b), prep({0, 1}, false).meets("BE-3", "-EINVAL")),
        make("batch.tag-over", opened(b), prep({0, 2}).meets("BE-2", "-EINVAL"), prep({0, 1})),
        make("batch.same-tag", opened(b), prep({0, 0}).meets("BE-6", "-EINVAL"), prep({0, 1})),
        make("batch.again", opened(b), prep({0}), prep({0}), prep({1}), prep({0})),
        make("batch.single-commands", opened(b), fetch(b).meets("B-0", "-EOPNOTSUPP"),
             commit(b, 0).meets("B-0", "-EOPNOTSUPP"), fetch(b, 5, 0).meets("IO-3", "-EINVAL")),
        make("batch.on-single-device", opened(), prep({0})),
        make("batch.one-by-one", opened(b), prep({1}), prep({0}), buffers(), fetch_batch(),
             start()),
        make("batch.life", live(b), disk_open(O_RDWR), read, done(4096), read, done(4096),
             command(ctrl_op::stop_dev)),
        make("batch.user-copy", live(bc), disk_open(O_RDWR), read, done(4096, false)),
        make("batch.commit-idle", live(b),
             batch(io_op::commit_io_cmds, 0, {0}, 0, true).meets("BE-7", "-EBUSY")),
        make("batch.commit-twice", live(b), disk_open(O_RDWR), read, done(4096),
             done(4096).meets("BE-7", "-EBUSY")),
        make("batch.commit-partly", live(b), disk_open(O_RDWR), read,
             batch(io_op::commit_io_cmds, 0, {tag_delivered, 7}, 4096, true).meets("BE-8", "16")),
        make("batch.commit-no-buffer", live(b), disk_open(O_RDWR), read, done(4096, false),
             done(4096)),
        make("batch.commit-other-thread", live(b), disk_open(O_RDWR), read,
             by(done(4096), p_server, 1)),
        make("batch.commit-short", live(b), disk_open(O_RDWR), disk(op::disk_read, 0, 8192),
             done(4096), done(4096)),
        make("batch.write", live(b), disk_open(O_RDWR), disk(op::disk_write), done(4096)),
        make("batch.fetch-queue", opened(b), buffers(),
             changed(fetch_batch(), [](step& s) { s.queue = 1; }).meets("BF-1", "-EINVAL")),
        make("batch.fetch-single-shot", opened(b), buffers(),
             changed(fetch_batch(),
                     [](step& s) {
                         s.command_flags = 0;
                         s.entry_flags = 0;
                     })
                 .meets("BF-2", "-EINVAL")),
        make("batch.fetch-element-bytes", opened(b), buffers(),
             changed(fetch_batch(), [](step& s) { s.element_bytes = 8; }).meets("BF-3", "-EINVAL")),
        make("batch.fetch-flags", opened(b), buffers(),
             changed(fetch_batch(), [](step& s) { s.batch_flags = 1; }).meets("BF-4", "-EINVAL")),
        make("batch.fetch-no-buffers", opened(b), prep({0, 1}), fetch_batch(), start(),
             disk_open(O_RDWR), read, buffers(), fetch_batch(), done(4096)),
        make("batch.fetch-after-stop", live(b), command(ctrl_op::stop_dev),
             fetch_batch().meets("BF-6", "-ENODEV")),
        make("batch.two-fetches", live(b), fetch_batch(), disk_open(O_RDWR), read, done(4096)),
        make("batch.killed", live(b), disk_open(O_RDWR), read, by(call(op::kill), p_server)),
        make("batch.prep-after-ready", live(b), prep({0}).meets("BE-5", "-EBUSY")),
        make("batch.prep-after-stop", opened(b), command(ctrl_op::stop_dev),
             prep({0}).meets("BE-4", "-ENODEV", 703)),
        make("batch.depth-1", add(shape{.flags = uapi::f_batch_io}), get_info()),
        make("batch.late-fetch", opened(b), prep({0, 1}), start(), disk_open(O_RDWR), read,
             buffers(), fetch_batch(), done(4096)),
    };
}

sequences from(unsigned version, sequences all) {
    for (sequence& s : all) s.since = version;
    return all;
}

}  // namespace

sequences zero_copy_sequences() {
    sequences all = from(615, by_hand());
    for (sequence& s : from(616, by_itself())) all.push_back(std::move(s));
    for (sequence& s : from(701, shared_memory())) all.push_back(std::move(s));
    return all;
}

sequences batch_sequences() { return from(700, batches()); }

}  // namespace agree
