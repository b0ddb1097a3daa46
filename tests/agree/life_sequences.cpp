// SPDX-License-Identifier: MIT
// START, STOP, TRY_STOP, DEL, GET_DEV_INFO, GET_QUEUE_AFFINITY, UPDATE_SIZE.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;

step pid(step s, std::uint64_t number) {
    s.pid_of.reset();
    s.data0 = number;
    return s;
}

step stop(unsigned dev = 0) { return command(ctrl_op::stop_dev, dev); }
step del(unsigned dev = 0) { return command(ctrl_op::del_dev, dev); }
step del_async() { return command(ctrl_op::del_dev_async); }

sequences starts() {
    const shape two{.queues = 2, .depth = 2};
    const shape small{.max_io = 4096};
    return {
        make("start.fine", fetched(), start().meets("START-0", "0"), get_info()),
        make("start.pid-0", fetched(), pid(start(), 0).meets("START-1", "-EINVAL")),
        make("start.pid-negative", fetched(), pid(start(), 0xffffffff).meets("START-1", "-EINVAL")),
        make("start.pid-high-bits", fetched(),
             pid(start(), 0x100000000).meets("START-1", "-EINVAL")),
        make("start.no-params", add(), start().meets("START-2", "-EINVAL")),
        make("start.params-refused", add(), set_params(good_params()),
             params_with([](uapi::params& p) { p.basic.logical_bs_shift = 3; }),
             start().meets("START-2", "-EINVAL")),
        make("start.before-fetch", opened(), start().meets("START-4", "waits"), fetch(),
             get_info()),
        make("start.not-opened", added(), start().meets("START-4", "waits"), open_char(), fetch()),
        make("start.one-tag-missing", opened(two), fetch({}, 0, 0), fetch({}, 0, 1),
             fetch({}, 1, 1), start().meets("START-4", "waits"), fetch({}, 1, 0), get_info()),
        make("start.two-queues", fetched(two), start(), stop()),
        make("start.stop-while-waiting", opened(), start().meets("START-4", "waits"), stop()),
        make("start.del-while-waiting", added(), start().meets("START-4", "waits"), del()),
        make("start.killed-while-waiting", opened(), by(start(), p_other).meets("START-4", "waits"),
             by(call(op::kill), p_other), fetch(), start()),
        make("start.cancelled", opened(), start().meets("START-4", "waits"),
             changed(start(),
                     [](step& s) {
                         s.control = false;
                         s.opcode = 14;
                         s.command = 0;
                         s.entry_addr = 4;
                         s.served = false;
                         s.target = file::closed;
                     })),
        make("start.two-at-once", opened(), start(), by(start(), p_other), fetch()),
        make("start.other-pid", fetched(),
             changed(start(),
                     [](step& s) {
                         s.pid_of = p_other;
                         s.process = p_other;
                     }),
             get_info()),
        make("start.pid-of-nobody", fetched(), pid(start(), 1).meets("START-5", "-EINVAL", 617),
             get_info()),
        make("start.pid-of-nobody-old", fetched(), pid(start(), 1).meets("START-5", "0", 0, 616),
             get_info()),
        make("start.by-other", fetched(), by(start(), p_other).meets("START-0", "0"), get_info()),
        make("start.again", live(), start().meets("START-6", "-EEXIST")),
        since(703, make("start.after-stop", live(), stop(), start().meets("START-7", "-EBUSY"))),
        since(703, make("start.after-stop-and-close", live(), stop(), unmap_queue(), close_char(),
                        open_char(), map_queue(), fetch(), start().meets("START-0", "0"))),
        since(703, make("start.after-stop-disk-held", live(), disk_open(O_RDONLY), stop(),
                        unmap_queue(), close_char(), open_char(), map_queue(), fetch(),
                        start().meets("START-6", "-EEXIST"), disk(op::disk_close), start())),
        make("start.limits-refused", added(), params_with([](uapi::params& p) {
                 p.basic.max_sectors = 8;
                 p.basic.logical_bs_shift = 12;
                 p.basic.virt_boundary_mask = 77;
             }),
             open_char(), fetch(), start()),
        make("start.block-4096-sectors-odd", added(), params_with([](uapi::params& p) {
                 p.basic.logical_bs_shift = 12;
                 p.basic.dev_sectors = 2049;
             }),
             open_char(), map_queue(), fetch(), start(), get_params()),
        make("start.sectors-0", fetched(shape{.sectors = 0}), start(), get_params(),
             disk_open(O_RDONLY)),
        make("start.read-only", added(),
             params_with([](uapi::params& p) { p.basic.attrs = uapi::attr_read_only; }),
             open_char(), map_queue(), fetch(), start(), disk_open(O_RDWR), disk_open(O_RDONLY)),
        make("start.max-io-4096", fetched(small), start(), disk_open(O_RDWR),
             disk(op::disk_write, 0, 8192), commit(small, 4096), commit(small, 4096)),
        make("start.unserved", fetched(shape{.flags = uapi::f_no_auto_part_scan}),
             changed(start(), [](step& s) { s.served = true; })),
        make("start.length-and-address", fetched(),
             changed(start(),
                     [](step& s) {
                         s.header_len = 77;
                         s.at = place::bad;
                     })
                 .meets("START-0", "0")),
    };
}

sequences stops() {
    return {
        make("stop.added", add(), stop().meets("STOP-0", "0"), get_info()),
        make("stop.opened", opened(), stop().meets("STOP-0", "0"), fetch()),
        make("stop.fetched", fetched(), stop().meets("STOP-0", "0"), get_info(), fetch()),
        make("stop.live", live(), stop().meets("STOP-0", "0"), get_info(), get_params()),
        make("stop.by-other", live(), by(stop(), p_other)),
        make("stop.two-queues", live(shape{.queues = 2, .depth = 2}), stop()),
        make("stop.twice", live(), stop(), stop()),
        make("stop.disk-open", live(), disk_open(O_RDONLY), stop(), disk(op::disk_read),
             by(disk_open(O_RDONLY), p_other, 1), disk(op::disk_close)),
        make("stop.request-in-hand", asked(), stop().meets("STOP", "waits"), commit({}, 4096)),
        make("stop.request-in-hand-killed", asked(), by(stop(), p_other, 1).meets("STOP", "waits"),
             by(call(op::kill), p_server)),
        make("stop.recovery-request-in-hand", asked(shape{.flags = uapi::f_user_recovery}),
             by(stop(), p_other, 1).meets("STOP", "waits"), commit({}, 4096)),
        make("stop.fetch-after", live(), stop(), fetch().meets("FETCH-4", "-ENODEV", 703)),
        make("stop.commit-after", live(), stop(), commit({}, 0)),
        make("stop.close-and-del", live(), stop(), unmap_queue(), close_char(),
             del().meets("DEL-0", "0")),
        since(700, make("try-stop.no-disk", added(),
                        command(ctrl_op::try_stop_dev).meets("TRY-1", "-ENODEV"))),
        since(700, make("try-stop.open", live(), disk_open(O_RDONLY),
                        command(ctrl_op::try_stop_dev).meets("TRY-2", "-EBUSY"),
                        disk(op::disk_read), commit({}, 4096), disk(op::disk_close),
                        command(ctrl_op::try_stop_dev).meets("TRY-0", "0"))),
        since(700, make("try-stop.idle", live(), command(ctrl_op::try_stop_dev).meets("TRY-0", "0"),
                        command(ctrl_op::try_stop_dev).meets("TRY-1", "-ENODEV"))),
        until(700, make("try-stop.unknown", live(),
                        command(ctrl_op::try_stop_dev).meets("D-7", "-EOPNOTSUPP"))),
    };
}

sequences deletions() {
    return {
        make("del.added", add(), del().meets("DEL-0", "0"), get_info(), add()),
        make("del.by-other", add(), by(del(), p_other).meets("DEL-0", "0")),
        make("del.held-by-self", opened(), del().meets("DEL-3", "waits"), get_info(), unmap_queue(),
             close_char()),
        make("del.held-by-map", opened(), by(del(), p_other).meets("DEL-3", "waits"), close_char(),
             unmap_queue()),
        make("del.held-by-commands", fetched(), by(del(), p_other).meets("DEL-3", "waits"),
             unmap_queue(), close_char(), call(op::ring_close)),
        make("del.killed-holder", opened(), by(del(), p_other).meets("DEL-3", "waits"),
             by(call(op::kill), p_server)),
        make("del.interrupted", opened(), by(del(), p_other).meets("DEL-3", "waits"),
             by(call(op::kill), p_other), get_info(), by(del(), p_bare),
             by(add(shape{}, 1), p_server), unmap_queue(), close_char(), add(shape{}, 2)),
        make("del.again-while-held", opened(), by(del(), p_other), by(del(), p_other, 1),
             unmap_queue(), close_char()),
        make("del.live", live(), by(del(), p_other).meets("DEL-3", "waits"), unmap_queue(),
             close_char()),
        make("del.disk-held", live(), disk_open(O_RDONLY),
             by(del(), p_other, 1).meets("DEL-2", "waits"), unmap_queue(), close_char(),
             disk(op::disk_close)),
        make("del.open-after", opened(), del_async(),
             by(open_char(), p_other).meets("OPEN-3", "-ENOENT"), close_char()),
        make("del.async-held", opened(), del_async().meets("DEL-0", "0"), get_info(), fetch(),
             stop(), unmap_queue(), close_char(), get_info()),
        make("del.async-added", add(), del_async().meets("DEL-0", "0"), get_info(), add()),
        make("del.async-twice", opened(), del_async(), del_async(), close_char()),
        make("del.request-in-hand", asked(), by(del(), p_other, 1), commit({}, 4096), unmap_queue(),
             close_char()),
        make("del.start-after", opened(), del_async(), start(), set_params(good_params()),
             get_params(), close_char(), unmap_queue()),
        make("del.ring-holds-file", fetched(), by(del(), p_other), by(call(op::kill), p_server)),
    };
}

sequences answers() {
    const auto affinity = [](std::uint64_t queue, std::uint16_t len, place at) {
        step s = command(ctrl_op::get_queue_affinity);
        s.data0 = queue;
        s.header_len = len;
        s.at = at;
        s.payload = std::vector<std::byte>(64, std::byte{0x5a});
        s.writes = gives::affinity;
        return s;
    };
    const auto size = [](std::uint64_t sectors) {
        step s = command(ctrl_op::update_size);
        s.data0 = sectors;
        return s;
    };
    const shape two{.queues = 2};
    return {
        make("info.short", add(),
             changed(get_info(), [](step& s) { s.header_len = 63; }).meets("INFO-1", "-EINVAL")),
        make("info.null", add(),
             changed(get_info(), [](step& s) { s.at = place::none; }).meets("INFO-1", "-EINVAL")),
        make("info.bad", add(),
             changed(get_info(), [](step& s) { s.at = place::bad; }).meets("INFO-2", "-EFAULT")),
        make("info.long", add(),
             changed(get_info(), [](step& s) { s.header_len = 65; }).meets("INFO-0", "0")),
        make("info.pid", live(), get_info(), stop(), get_info()),
        make("affinity.8", add(), affinity(0, 8, place::payload).meets("AFF-0", "0")),
        make("affinity.two", add(two), affinity(0, 16, place::payload).meets("AFF-0", "0"),
             affinity(1, 16, place::payload).meets("AFF-0", "0")),
        make("affinity.0", add(), affinity(0, 0, place::payload).meets("AFF-1", "-EINVAL")),
        make("affinity.1", add(), affinity(0, 1, place::payload).meets("AFF-2", "-EINVAL")),
        make("affinity.12", add(), affinity(0, 12, place::payload).meets("AFF-2", "-EINVAL")),
        make("affinity.null", add(), affinity(0, 8, place::none).meets("AFF-3", "-EINVAL")),
        make("affinity.queue", add(), affinity(1, 8, place::payload).meets("AFF-4", "-EINVAL")),
        make("affinity.bad", add(), affinity(0, 8, place::bad).meets("AFF-6", "-EFAULT")),
        since(616, make("size.no-disk", added(), size(4096).meets("SIZE-1", "-ENODEV"))),
        since(616,
              make("size.grow-without-flag", live(), size(4096).meets("SIZE-0", "0"), get_params(),
                   disk_open(O_RDWR), disk(op::disk_read, 2048 * 512, 4096), commit({}, 4096))),
        since(616, make("size.shrink", live(), size(8), get_params(), disk_open(O_RDWR),
                        disk(op::disk_read, 4096, 4096))),
        since(616, make("size.zero", live(), size(0), get_params())),
        since(616, make("size.after-stop", live(), stop(), size(4096).meets("SIZE-1", "-ENODEV"))),
        until(616, make("size.unknown", live(), size(4096).meets("D-7", "-EOPNOTSUPP"))),
    };
}

}  // namespace

sequences life_sequences() {
    sequences all = starts();
    for (auto* more : {&stops, &deletions, &answers}) {
        for (sequence& s : more()) all.push_back(std::move(s));
    }
    return all;
}

}  // namespace agree
