// SPDX-License-Identifier: MIT
// Servers that end, and those that take over; QUIESCE.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;
using uapi::io_op;

constexpr std::uint64_t r = uapi::f_user_recovery;
constexpr std::uint64_t reissue = r | uapi::f_user_recovery_reissue;
constexpr std::uint64_t fail = r | uapi::f_user_recovery_fail_io;

step recover(unsigned process = p_other) {
    return by(command(ctrl_op::start_user_recovery), process, 1);
}
step kill() { return by(call(op::kill), p_server); }
step other(step s) { return by(std::move(s), p_other, 2); }

sequences deaths() {
    sequences all;
    const std::pair<const char*, std::uint64_t> modes[] = {
        {"none", 0}, {"wait", r}, {"reissue", reissue}, {"fail", fail}};
    for (const auto& [name, flags] : modes) {
        const shape of{.flags = flags};
        const std::string mode = name;
        const unsigned from = flags == fail ? 613 : 0;
        const auto put = [&](std::string id, sequence s) {
            s.id = "death." + std::move(id) + "-" + mode;
            s.since = std::max(s.since, from);
            all.push_back(std::move(s));
        };
        put("idle", make("", live(of), kill(), other(get_info()), other(command(ctrl_op::stop_dev)),
                         other(command(ctrl_op::del_dev))));
        put("before-start", make("", fetched(of), kill(), other(get_info())));
        put("opened", make("", opened(of), kill(), other(open_char())));
        put("disk-open",
            make("", live(of), disk_open(O_RDWR), kill(), disk(op::disk_read),
                 other(command(ctrl_op::stop_dev)), disk(op::disk_read), disk(op::disk_close)));
        put("write-then-stop", make("", live(of), disk_open(O_RDWR), kill(), disk(op::disk_write),
                                    other(command(ctrl_op::stop_dev))));
        put("thread-ends", make("", live(of), call(op::thread_end), by(get_info(), p_server, 1),
                                disk_open(O_RDWR), disk(op::disk_read),
                                by(unmap_queue(), p_server, 1), by(close_char(), p_server, 1)));
        put("ring-closes", make("", live(of), call(op::ring_close), get_info(), disk_open(O_RDWR),
                                disk(op::disk_read), unmap_queue(), close_char(), get_info()));
        put("close-only",
            since(615, make("", live(of), unmap_queue(), close_char(), disk_open(O_RDWR),
                            disk(op::disk_read), other(command(ctrl_op::stop_dev)))));
        // Everything in hand: 6.12 sees it by a timeout of 30 s only.
        put("in-hand", since(615, make("", asked(of), kill(), other(get_info()),
                                       other(command(ctrl_op::stop_dev)))));
        put("recovered", make("", live(of), kill(), recover(), taken_over(of), get_info(),
                              disk_open(O_RDWR), disk(op::disk_read),
                              by(commit(of, 4096), p_other, 1), other(command(ctrl_op::stop_dev))));
        put("recovered-with-waiting",
            make("", live(of), disk_open(O_RDWR), kill(), disk(op::disk_read), recover(),
                 taken_over(of), by(commit(of, 4096), p_other, 1)));
        put("recovered-in-hand", since(615, make("", asked(of), kill(), recover(), taken_over(of),
                                                 by(commit(of, 4096), p_other, 1))));
    }
    return all;
}

sequences recoveries() {
    const shape of{.flags = r};
    return {
        make("recover.without-flag", live(), recover().meets("SREC-1", "-EINVAL")),
        make("recover.added", added(of), recover().meets("SREC-2", "-EBUSY", 615)),
        make("recover.added-old", added(of), recover().meets("SREC-1", "-EINVAL", 0, 613)),
        make("recover.live", live(of), recover().meets("SREC-2", "-EBUSY")),
        make("recover.quiesced", live(of), kill(), recover().meets("SREC-0", "0"),
             recover().meets("SREC-0", "0", 700), other(get_info())),
        make("recover.opened-again", live(of), kill(), recover(), by(open_char(), p_other, 1),
             recover().meets("SREC-2", "-EBUSY", 615)),
        make("recover.end-without-start", live(of), kill(), taken_over(of)),
        make("recover.end-without-flag", fetched(), end_recovery().meets("EREC-3", "-EINVAL")),
        make("recover.end-live", live(of), end_recovery().meets("EREC-4", "-EBUSY")),
        make("recover.end-waits", live(of), kill(), recover(), by(open_char(), p_other, 1),
             changed(by(end_recovery(), p_other, 1), [](step& s) { s.pid_of = p_other; })
                 .meets("EREC-1", "waits"),
             by(fetch(of), p_other, 1)),
        make("recover.end-added-waits", added(), end_recovery().meets("EREC-1", "waits")),
        make("recover.end-wrong-pid", live(of), kill(), recover(), by(open_char(), p_other, 1),
             by(fetch(of), p_other, 1),
             by(changed(end_recovery(),
                        [](step& s) {
                            s.pid_of.reset();
                            s.data0 = 1;
                        }),
                p_other, 1)
                 .meets("EREC-2", "-EINVAL", 617)),
        make("recover.end-pid-0", live(of), kill(), recover(), by(open_char(), p_other, 1),
             by(fetch(of), p_other, 1),
             by(changed(end_recovery(),
                        [](step& s) {
                            s.pid_of.reset();
                            s.data0 = 0;
                        }),
                p_other, 1),
             other(get_info())),
        make("recover.fetch-before-start", live(of), kill(), by(open_char(), p_other, 1),
             by(fetch(of), p_other, 1)),
        make("recover.start-instead", live(of), kill(), by(open_char(), p_other, 1),
             by(fetch(of), p_other, 1),
             changed(by(start(), p_other, 1), [](step& s) { s.pid_of = p_other; })
                 .meets("START-6", "-EEXIST", 700)),
        make("recover.stop-quiesced", live(of), kill(),
             other(command(ctrl_op::stop_dev)).meets("STOP-0", "0"), other(get_info()), recover()),
        make("recover.del-quiesced", live(of), disk_open(O_RDWR), kill(), disk(op::disk_write),
             other(command(ctrl_op::del_dev)), disk(op::disk_close)),
        make("recover.die-again", live(of), kill(), recover(), by(open_char(), p_other, 1),
             by(close_char(), p_other, 1), recover(), taken_over(of)),
        make("recover.params-quiesced", live(of), kill(),
             by(set_params(good_params(of)), p_other).meets("SET-5", "-EACCES"),
             by(get_params(), p_other)),
        make("recover.two-queues", live(shape{.flags = r, .queues = 2, .depth = 2}), kill(),
             recover(), taken_over(shape{.flags = r, .queues = 2, .depth = 2}),
             other(command(ctrl_op::stop_dev))),
    };
}

sequences quiesces() {
    constexpr std::uint64_t q = r | uapi::f_quiesce;
    const shape of{.flags = q};
    const shape two{.flags = q, .depth = 2};
    const auto quiesce = [](std::uint64_t ms) {
        step s = by(command(ctrl_op::quiesce_dev), p_other, 1);
        s.data0 = ms;
        return s;
    };
    sequences all = {
        make("quiesce.without-flag", live(shape{.flags = r}),
             quiesce(100).meets("QUI-1", "-EOPNOTSUPP")),
        make("quiesce.added", added(of), quiesce(100).meets("QUI-2", "-ENODEV")),
        make("quiesce.stopped", live(of), command(ctrl_op::stop_dev),
             quiesce(100).meets("QUI-2", "-ENODEV")),
        make("quiesce.quiesced", live(of), kill(), quiesce(100).meets("QUI-3", "0")),
        make("quiesce.idle", live(of), quiesce(0).meets("QUI-0", "0"), get_info(),
             disk_open(O_RDWR), disk(op::disk_read), unmap_queue(), close_char(),
             other(get_info())),
        make("quiesce.in-hand", asked(of), quiesce(50).meets("QUI-0", "0"), commit(of, 4096)),
        make("quiesce.in-hand-for-ever", asked(of), quiesce(0).meets("QUI-0", "0"),
             commit(of, 4096)),
        make("quiesce.hand-over", live(of), quiesce(1000), kill(), recover(), taken_over(of),
             disk_open(O_RDWR), disk(op::disk_read), by(commit(of, 4096), p_other, 1)),
        make("quiesce.hand-over-by-close", live(of), quiesce(1000), unmap_queue(), close_char(),
             recover(), taken_over(of)),
        make("quiesce.commit-after", live(of), quiesce(1000), commit(of, 0), fetch(of)),
        make("quiesce.idle-two", live(two), quiesce(100).meets("QUI-0", "0"), other(get_info())),
    };
    for (sequence& s : all) s.since = 616;
    all.push_back(
        until(616, make("quiesce.unknown", live(), quiesce(100).meets("D-7", "-EOPNOTSUPP"))));
    return all;
}

// Devices with batches whose server goes, or is to go.
sequences batches() {
    constexpr std::uint64_t scanless = uapi::f_no_auto_part_scan | uapi::f_batch_io;
    const auto quiesce = [] {
        step s = by(command(ctrl_op::quiesce_dev), p_other, 1);
        s.data0 = 100;
        return s;
    };
    const auto done = [](std::int32_t result) {
        return batch(io_op::commit_io_cmds, 0, {tag_delivered}, result, true);
    };
    const step read = disk(op::disk_read);
    sequences all;
    for (const auto& [mode, flags] : {std::pair{"wait", r | uapi::f_quiesce},
                                      std::pair{"reissue", reissue | uapi::f_quiesce}}) {
        const shape of{.flags = scanless | flags, .depth = 4};
        const auto named = [&](const std::string& what, const auto&... parts) {
            all.push_back(make(std::string("batch.") + mode + "." + what, parts...));
        };
        // Nobody has asked for requests yet.
        const auto deaf = [&] {
            steps before = opened(of);
            join(before, batch(io_op::prep_io_cmds, 0, {0, 1, 2, 3}, 0, true));
            join(before, start());
            join(before, disk_open(O_RDWR));
            join(before, read);
            return before;
        };
        steps without_end = taken_over(of);
        const step end = without_end.back();
        without_end.pop_back();
        named("quiesced", live(of), disk_open(O_RDWR), quiesce(), read, other(get_info()));
        named("quiesced-in-hand", live(of), disk_open(O_RDWR), read, quiesce(), done(4096), read);
        named("quiesced-in-hand-closed", live(of), disk_open(O_RDWR), read, quiesce(),
              call(op::ring_close), unmap_queue(), close_char(), recover());
        named("quiesced-closed", live(of), quiesce(), call(op::ring_close), unmap_queue(),
              close_char(), disk_open(O_RDWR), read, recover(), taken_over(of), read,
              by(done(4096), p_other, 1));
        named("quiesced-recovering", live(of), quiesce(), call(op::ring_close), unmap_queue(),
              close_char(), disk_open(O_RDWR), recover(), read, taken_over(of));
        named("quiesced-fetched", live(of), quiesce(), call(op::ring_close), unmap_queue(),
              close_char(), disk_open(O_RDWR), recover(), without_end, read, end);
        named("quiesced-undelivered", deaf(), quiesce(), call(op::ring_close), unmap_queue(),
              close_char(), recover(), taken_over(of));
        named("closed-in-hand", live(of), disk_open(O_RDWR), read, call(op::ring_close), read,
              unmap_queue(), close_char(), recover(), taken_over(of));
        named("closed", live(of), disk_open(O_RDWR), call(op::ring_close), read, unmap_queue(),
              close_char(), read, recover(), taken_over(of));
        named("closed-undelivered", deaf(), call(op::ring_close), unmap_queue(), close_char(),
              recover(), taken_over(of));
        named("killed-undelivered", deaf(), kill(), recover(), taken_over(of));
        named("killed", live(of), disk_open(O_RDWR), read, kill(), read, recover(), taken_over(of));
        named("answered-after-close", live(of), disk_open(O_RDWR), read, call(op::ring_close),
              changed(done(4096), [](step& s) { s.ring = r_second; }), unmap_queue(), close_char());
    }
    for (sequence& s : all) s.since = 700;
    return all;
}

}  // namespace

sequences recovery_sequences() {
    sequences all = deaths();
    for (auto* more : {&recoveries, &quiesces, &batches}) {
        for (sequence& s : more()) all.push_back(std::move(s));
    }
    return all;
}

}  // namespace agree
