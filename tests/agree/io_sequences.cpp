// SPDX-License-Identifier: MIT
// Requests: FETCH, COMMIT, NEED_GET_DATA, and what they may not be.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;
using uapi::io_op;

constexpr shape one{};
const shape two{.queues = 2, .depth = 2};
const shape user_copy{.flags = uapi::f_user_copy};
const shape get_data{.flags = uapi::f_need_get_data};

step with(step s, auto change) {
    change(s);
    return s;
}

step thread2(step s) { return by(std::move(s), p_server, 1); }

sequences common() {
    return {
        make("io.type", opened(),
             with(fetch(), [](step& s) { s.command ^= 0x100; }).meets("IO-1", "-EOPNOTSUPP")),
        make("io.raw", opened(), with(fetch(), [](step& s) { s.command &= 0xff; }), start()),
        make("io.direction", opened(), with(fetch(), [](step& s) { s.command = 0x7520; }), start()),
        make("io.queue-over", opened(two), fetch({}, 2, 0).meets("IO-3", "-EINVAL")),
        make("io.queue-65535", opened(), fetch({}, 0xffff, 0).meets("IO-3", "-EINVAL")),
        make("io.tag-over", opened(two), fetch({}, 0, 2).meets("IO-4", "-EINVAL")),
        make("io.reduced-queues", opened(shape{.queues = 4}),
             fetch({}, 2, 0).meets("IO-3", "-EINVAL")),
        make("io.commit-other-thread", asked(one),
             thread2(commit(one, 4096)).meets("IO-6", "-EINVAL"), commit(one, 4096)),
        make("io.commit-other-ring", asked(one),
             with(commit(one, 4096), [](step& s) { s.ring = r_second; }), disk(op::disk_read),
             commit(one, 4096)),
        make("io.commit-wide-ring", asked(one),
             with(commit(one, 4096), [](step& s) { s.ring = r_wide; }), get_info(),
             disk(op::disk_read), commit(one, 4096)),
        make("io.commit-idle", live(), commit(one, 0).meets("IO-7", "-EBUSY")),
        make("io.commit-unfetched", opened(),
             commit(one, 0).meets("IO-6", "-EINVAL", 616).meets("IO-7", "-EINVAL", 0, 616)),
        make("io.commit-twice", asked(one), commit(one, 4096),
             commit(one, 4096).meets("IO-7", "-EBUSY")),
        make("io.need-get-data-unasked", asked(one),
             with(fetch(), [](step& s) { s.command = uapi::encoded(io_op::need_get_data); }),
             commit(one, 4096)),
        make("io.unknown", asked(one),
             with(fetch(), [](step& s) { s.command = 0xc0107530; }).meets("IO-9", "-EINVAL"),
             commit(one, 4096)),
        make("io.unknown-idle", live(one), with(fetch(), [](step& s) { s.command = 0xc0107530; })),
        make("io.batch-command", asked(one), batch(io_op::prep_io_cmds, 0, {0}, 0, true),
             commit(one, 4096)),
        make("io.pad", opened(),
             with(fetch(), [](step& s) { s.pad1 = 1; }).meets("U-8", "-EINVAL")),
        make("io.cancel", live(),
             with(fetch(),
                  [](step& s) {
                      s.opcode = 14;
                      s.command = 0;
                      s.entry_addr = 4;
                      s.target = file::closed;
                  }),
             disk_open(O_RDWR), disk(op::disk_read), commit(one, 4096)),
        make("io.other-process-fetch", added(), open_char(),
             by(open_char(), p_other).meets("OPEN-2", "-EBUSY")),
        make("io.async-flag", opened(), with(fetch(), [](step& s) { s.entry_flags = 1u << 4; }),
             start()),
    };
}

sequences fetches() {
    return {
        make("fetch.no-buffer", opened(),
             with(fetch(), [](step& s) { s.at = place::none; }).meets("FETCH-1", "-EINVAL", 617),
             fetch()),
        until(615,
              make("fetch.no-buffer-old", opened(),
                   with(fetch(), [](step& s) { s.at = place::none; }).meets("FETCH-1", "-EINVAL"),
                   fetch())),
        make("fetch.bad-buffer", opened(),
             with(fetch(), [](step& s) { s.at = place::bad; }).meets("FETCH-0", "waits")),
        make("fetch.buffer-in-user-copy", opened(user_copy),
             with(fetch(user_copy), [](step& s) { s.at = place::buffer; })
                 .meets("FETCH-2", "-EINVAL"),
             fetch(user_copy)),
        make("fetch.ready", fetched(),
             fetch().meets("FETCH-5", "-EBUSY", 617).meets("FETCH-6", "-EBUSY", 0, 617)),
        make("fetch.live", live(),
             fetch().meets("FETCH-5", "-EBUSY", 617).meets("FETCH-6", "-EBUSY", 0, 617)),
        make("fetch.live-owned", asked(one), fetch().meets("FETCH-5", "-EBUSY"), commit(one, 4096)),
        make("fetch.queue-ready", opened(two), fetch({}, 0, 0), fetch({}, 0, 1), fetch({}, 0, 1)),
        make("fetch.again", opened(two), fetch({}, 0, 0),
             fetch({}, 0, 0).meets("FETCH-6", "-EINVAL", 615)),
        make("fetch.again-old", opened(two), fetch({}, 0, 0),
             fetch({}, 0, 0).meets("FETCH-6", "-EBUSY", 0, 615)),
        make("fetch.two-threads-of-a-queue", opened(two), fetch({}, 0, 0), thread2(fetch({}, 0, 1)),
             fetch({}, 1, 0), fetch({}, 1, 1), start()),
        make("fetch.thread-per-queue", opened(two), fetch({}, 0, 0), fetch({}, 0, 1),
             thread2(fetch({}, 1, 0)), thread2(fetch({}, 1, 1)), start(),
             by(call(op::thread_end), p_server, 1), by(get_info(), p_other)),
        make("fetch.by-thread-2", opened(), thread2(fetch()), start(), disk_open(O_RDWR),
             disk(op::disk_read), commit(one, 4096).meets("IO-6", "-EINVAL"),
             thread2(commit(one, 4096))),
        since(703, make("fetch.after-thread-end", opened(two), thread2(fetch({}, 0, 0)),
                        by(call(op::thread_end), p_server, 1), fetch({}, 0, 0), fetch({}, 0, 1),
                        fetch({}, 1, 0), fetch({}, 1, 1), start())),
        since(703, make("fetch.after-ring-close", opened(), fetch(), call(op::ring_close), fetch(),
                        start())),
        make("fetch.by-bare", added(), by(open_char(), p_bare), by(map_queue(), p_bare),
             by(fetch(), p_bare), changed(start(), [](step& s) { s.pid_of = p_bare; }),
             disk_open(O_RDWR), disk(op::disk_read), by(commit(one, 4096), p_bare)),
    };
}

// What one result of a commit makes of a request.
sequences results(std::string mode, const shape& of) {
    sequences all;
    const auto put = [&](std::string id, step ask, step answer, auto... more) {
        all.push_back(make("result." + mode + "-" + std::move(id), live(of), disk_open(O_RDWR),
                           std::move(ask), std::move(answer), more...));
    };
    const step read = disk(op::disk_read), write = disk(op::disk_write);
    const step read8 = disk(op::disk_read, 0, 8192), write8 = disk(op::disk_write, 4096, 8192);
    put("read-full", read, commit(of, 4096));
    put("write-full", write, commit(of, 4096));
    put("read-0", read, commit(of, 0).meets("RESULT-1", "waits"));
    put("read-short", read8,
        commit(of, 4096)
            .meets("RESULT-3", "0", 0, of.flags == 0 ? 9999 : 703)
            .meets("RESULT-4", "waits", of.flags == 0 ? 9999 : 703),
        commit(of, 4096));
    put("read-short-odd", read, commit(of, 1000), commit(of, 4096));
    put("read-over", read, commit(of, 8192));
    put("write-over", write, commit(of, 8192));
    put("write-0", write, commit(of, 0).meets("RESULT-2", "0", 0, 703), commit(of, 4096));
    put("write-short", write8,
        commit(of, 4096).meets("RESULT-3", "0", 0, 703).meets("RESULT-4", "waits", 703),
        commit(of, 4096));
    put("write-short-odd", write8, commit(of, 512), commit(of, 7680));
    for (int error : {EIO, ENOSPC, EOPNOTSUPP, ETIMEDOUT, ENOLINK, EREMOTEIO, EBADE, ENODATA,
                      EILSEQ, ENOMEM, EBUSY, EAGAIN, EINVAL, EPERM}) {
        put("read-error-" + std::to_string(error), read, commit(of, -error));
    }
    put("write-error", write, commit(of, -ENOSPC));
    put("write-error-out-of-range", write, commit(of, -5000));
    return all;
}

sequences commits() {
    const auto no_buffer = [](step& s) { s.at = place::none; };
    const auto params = [](auto change) {
        return [=](const shape& of) {
            uapi::params p = good_params(of);
            change(p);
            return set_params(p);
        };
    };
    const auto flushing =
        params([](uapi::params& p) { p.basic.attrs = uapi::attr_volatile_cache; });
    const auto fua =
        params([](uapi::params& p) { p.basic.attrs = uapi::attr_volatile_cache | uapi::attr_fua; });
    const auto discarding = params([](uapi::params& p) {
        p.types |= uapi::param_type_discard;
        p.discard = {.discard_granularity = 4096,
                     .max_discard_sectors = 64,
                     .max_write_zeroes_sectors = 64,
                     .max_discard_segments = 1};
    });
    const auto disk_of = [](const step& params_step) {
        return steps{add(),   params_step, open_char(),      map_queue(),
                     fetch(), start(),     disk_open(O_RDWR)};
    };
    const auto ngd = [](step s) {
        s.command = uapi::encoded(io_op::need_get_data);
        return s;
    };
    sequences all = {
        make("commit.no-buffer", asked(one),
             changed(commit(one, 4096), no_buffer).meets("COMMIT-1", "-EINVAL"), commit(one, 4096)),
        make("commit.bad-buffer-read", asked(one),
             changed(commit(one, 4096), [](step& s) { s.at = place::bad; })),
        make("commit.buffer-in-user-copy", asked(user_copy),
             changed(commit(user_copy, 4096), [](step& s) { s.at = place::buffer; })
                 .meets("COMMIT-2", "-EINVAL"),
             commit(user_copy, 4096)),
        make("commit.flush", disk_of(flushing(one)), disk(op::disk_write), commit(one, 4096),
             disk(op::disk_flush), commit(one, 0)),
        make("commit.flush-error", disk_of(flushing(one)), disk(op::disk_flush), commit(one, -EIO)),
        make("commit.flush-without-cache", disk_of(set_params(good_params())),
             disk(op::disk_flush)),
        make("commit.fua", disk_of(fua(one)), by(disk_open(O_RDWR | O_DSYNC), p_other, 1),
             disk(op::disk_write), commit(one, 4096)),
        make("commit.dsync-fua", live(one), command(ctrl_op::stop_dev)),
        make("commit.discard", disk_of(discarding(one)), disk(op::disk_discard, 0, 8192),
             commit(one, 0), commit(one, 0)),
        make("commit.discard-split", disk_of(discarding(one)), disk(op::disk_discard, 0, 65536),
             commit(one, 0), commit(one, 0)),
        make("commit.zeroes", disk_of(discarding(one)), disk(op::disk_zero, 0, 8192),
             commit(one, 0)),
        make("commit.discard-unsupported", live(one), disk_open(O_RDWR),
             disk(op::disk_discard, 0, 8192)),
        make("commit.zeroes-unsupported", live(one), disk_open(O_RDWR),
             disk(op::disk_zero, 0, 8192), commit(one, 8192)),
        make("commit.discard-error", disk_of(discarding(one)), disk(op::disk_discard, 0, 8192),
             commit(one, -EOPNOTSUPP), disk(op::disk_discard, 0, 8192), commit(one, 0)),
        make("commit.write-bad-buffer", opened(),
             changed(fetch(), [](step& s) { s.at = place::bad; }),
             changed(start(), [](step& s) { s.served = true; }), get_info()),
        make("get-data.write", live(get_data), disk_open(O_RDWR), disk(op::disk_write),
             ngd(fetch()), commit(get_data, 4096)),
        make("get-data.read", live(get_data), disk_open(O_RDWR), disk(op::disk_read),
             commit(get_data, 4096)),
        make("get-data.commit-instead", live(get_data), disk_open(O_RDWR), disk(op::disk_write),
             commit(get_data, 4096).meets("IO-8", "-EINVAL"), ngd(fetch()), commit(get_data, 4096)),
        make("get-data.on-read", live(get_data), disk_open(O_RDWR), disk(op::disk_read),
             ngd(fetch()).meets("IO-8", "-EINVAL"), commit(get_data, 4096)),
        make("get-data.twice", live(get_data), disk_open(O_RDWR), disk(op::disk_write),
             ngd(fetch()), ngd(fetch()), commit(get_data, 4096)),
        make("get-data.commit-no-buffer-write", live(get_data), disk_open(O_RDWR),
             disk(op::disk_write), ngd(fetch()), changed(commit(get_data, 4096), no_buffer),
             disk(op::disk_read), commit(get_data, 4096)),
        make("get-data.commit-no-buffer-read", live(get_data), disk_open(O_RDWR),
             disk(op::disk_read),
             changed(commit(get_data, 4096), no_buffer).meets("COMMIT-1", "-EINVAL"),
             commit(get_data, 4096)),
        make("get-data.fetch-no-buffer", opened(get_data),
             changed(fetch(get_data), no_buffer).meets("FETCH-0", "waits"), start()),
        make("get-data.idle", live(get_data), ngd(fetch()).meets("IO-7", "-EBUSY")),
        make("requests.split-by-max-io", live(shape{.max_io = 8192}), disk_open(O_RDWR),
             disk(op::disk_read, 0, 16384), commit(one, 8192), commit(one, 8192)),
        make("requests.two-clients-one-tag", live(one), disk_open(O_RDWR), disk(op::disk_read),
             by(disk(op::disk_read, 4096), p_other, 1), commit(one, 4096), commit(one, 4096)),
        make("requests.end-of-disk", live(one), disk_open(O_RDWR),
             disk(op::disk_read, 2048 * 512 - 4096, 8192), commit(one, 4096),
             disk(op::disk_read, 2048 * 512, 4096), disk(op::disk_write, 2048 * 512, 4096)),
        make("requests.unaligned", live(one), disk_open(O_RDWR), disk(op::disk_read, 100, 512),
             disk(op::disk_read, 512, 512), commit(one, 512)),
    };
    return all;
}

}  // namespace

sequences io_sequences() {
    sequences all = common();
    for (sequence& s : fetches()) all.push_back(std::move(s));
    for (sequence& s : results("copy", one)) all.push_back(std::move(s));
    for (sequence& s : results("user-copy", user_copy)) all.push_back(std::move(s));
    for (sequence& s : commits()) all.push_back(std::move(s));
    return all;
}

}  // namespace agree
