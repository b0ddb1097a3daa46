// SPDX-License-Identifier: MIT
// What io_uring and the dispatcher of control commands look at before a command is looked at.
#include "enumerated.hpp"

#include <fcntl.h>

namespace agree {

namespace {

using uapi::ctrl_op;

step features() {
    step s = command(ctrl_op::get_features);
    s.dev_id = 0;
    s.at = place::payload;
    s.header_len = 8;
    s.payload = std::vector<std::byte>(8);
    s.writes = gives::features;
    return s;
}

template <class F>
sequence with_features(std::string id, const F& change, std::string rule, std::string outcome,
                       unsigned from = 0, unsigned before = 9999) {
    return make(
        std::move(id),
        changed(features(), change).meets(std::move(rule), std::move(outcome), from, before));
}

sequences entry_checks() {
    return {
        with_features(
            "entry.opcode-beyond", [](step& s) { s.opcode = 200; }, "U-1", "-EINVAL"),
        with_features(
            "entry.flag-unknown", [](step& s) { s.entry_flags = 0x80; }, "U-2", "-EINVAL"),
        with_features(
            "entry.buffer-select", [](step& s) { s.entry_flags = 1u << 5; }, "U-3", "-EOPNOTSUPP",
            0, 618),
        with_features(
            "entry.ioprio", [](step& s) { s.ioprio = 1; }, "U-5", "-EINVAL"),
        with_features(
            "entry.personality", [](step& s) { s.personality = 77; }, "U-7", "-EINVAL"),
        with_features(
            "entry.pad", [](step& s) { s.pad1 = 1; }, "U-8", "-EINVAL"),
        with_features(
            "entry.command-flags", [](step& s) { s.command_flags = 1u << 20; }, "U-9", "-EINVAL"),
        with_features(
            "entry.fixed-and-multishot",
            [](step& s) {
                s.command_flags = 3;
                s.entry_flags = 1u << 5;
            },
            "U-10", "-EINVAL", 618),
        with_features(
            "entry.multishot-alone",
            [](step& s) {
                s.command_flags = 2;
                // Before there was such a flag.
                s.expected.push_back({"U-9", "-EINVAL", 0, 613});
            },
            "U-11", "-EINVAL", 618),
        with_features(
            "entry.select-alone", [](step& s) { s.entry_flags = 1u << 5; }, "U-11", "-EINVAL", 618),
        with_features(
            "entry.wrong-file", [](step& s) { s.target = file::closed; }, "U-15", "-EBADF"),
        with_features(
            "entry.waitid", [](step& s) { s.opcode = 50; }, "U-1", "-EINVAL"),
        with_features(
            "entry.polled", [](step& s) { s.ring = r_polled; }, "U-14", "-EOPNOTSUPP", 0, 701),
        with_features(
            "entry.fine", [](step&) {}, "FEAT-0", "0"),
    };
}

sequences dispatcher() {
    step unknown = command(ctrl_op::get_dev_info);
    unknown.command = uapi::encode({uapi::ioc_direction::read_write, 32, 'u', 0x3f});
    sequences all = {
        with_features(
            "features.narrow-ring", [](step& s) { s.ring = r_narrow; }, "D-2", "-EINVAL"),
        with_features(
            "features.type", [](step& s) { s.command ^= 0x100; }, "D-3", "-EOPNOTSUPP"),
        with_features(
            "features.raw-no-device", [](step& s) { s.command &= 0xff; }, "D-5", "-ENODEV"),
        with_features(
            "features.other-direction", [](step& s) { s.command ^= 1u << 31; }, "D-5", "-ENODEV"),
        with_features(
            "features.short", [](step& s) { s.header_len = 7; }, "FEAT-1", "-EINVAL"),
        with_features(
            "features.long", [](step& s) { s.header_len = 9; }, "FEAT-1", "-EINVAL"),
        with_features(
            "features.null", [](step& s) { s.at = place::none; }, "FEAT-1", "-EINVAL"),
        with_features(
            "features.bad", [](step& s) { s.at = place::bad; }, "FEAT-2", "-EFAULT"),
        with_features(
            "features.any-id", [](step& s) { s.dev_id = 0xfffffff0; }, "D-4", "0"),
        with_features(
            "features.bare", [](step& s) { s.process = p_bare; }, "FEAT-0", "0"),
        make("dispatch.unknown-nr", add(), step(unknown).meets("D-7", "-EOPNOTSUPP")),
        make("dispatch.unknown-nr-no-device",
             changed(unknown, [](step& s) { s.dev_id = 5; }).meets("D-5", "-ENODEV")),
        make("dispatch.raw-features-with-device", add(),
             changed(features(), [](step& s) { s.command &= 0xff; }).meets("D-7", "-EOPNOTSUPP")),
        make("dispatch.raw", changed(add(), [](step& s) { s.command &= 0xff; }),
             changed(get_info(), [](step& s) { s.command &= 0xff; }).meets("D-3", "0")),
        make("dispatch.direction-and-size-ignored", add(),
             changed(get_info(), [](step& s) { s.command = 0x00ff7502; })),
        make("dispatch.id-over-31-bits",
             changed(get_info(), [](step& s) { s.dev_id = 0x80000001; }).meets("D-5", "-ENODEV")),
        make("dispatch.control-on-device-file", opened(),
             changed(get_info(), [](step& s) { s.target = file::device; })),
        make("dispatch.io-on-control-file", opened(),
             changed(fetch(),
                     [](step& s) {
                         s.target = file::control;
                         s.ring = r_wide;
                     })),
        make("dispatch.null-file", add(),
             changed(get_info(), [](step& s) { s.target = file::null; })),
        make("dispatch.regular-file", add(),
             changed(get_info(), [](step& s) { s.target = file::regular; })
                 .meets("U-12", "-EOPNOTSUPP")),
        make("dispatch.disk-file", live(), by(disk_open(O_RDONLY), p_server),
             changed(get_info(), [](step& s) { s.target = file::disk; })),
    };
    for (ctrl_op what : uapi::ctrl_ops) {
        if (what == ctrl_op::add_dev || what == ctrl_op::get_features) continue;
        step s = command(what);
        s.dev_id = 7;
        all.push_back(make("dispatch.no-device-" + std::to_string(int(what)),
                           step(s).meets("D-5", "-ENODEV")));
        s.dev_id.reset();
        s.process = p_bare;
        s.served = false;
        all.push_back(make("permission.bare-" + std::to_string(int(what)), added(),
                           step(s).meets("P-1", "-EPERM")));
    }
    return all;
}

sequences paths() {
    const auto info2 = [](std::string id, std::string path, std::string rule, std::string outcome,
                          auto change) {
        return make("path." + std::move(id), add(),
                    changed(get_info2(std::move(path)), change).meets(rule, outcome));
    };
    const auto same = [](step&) {};
    const auto as_nobody = [](step& s) { s.process = p_nobody; };
    step control_open = call(op::mode);
    control_open.target = file::control;
    control_open.flags = 0666;
    return {
        info2("good", "/dev/ublkc0", "P-0", "0", same),
        info2("none", "", "P-3", "-EINVAL", same),
        info2("too-long", "/dev/ublkc0", "P-3", "-EINVAL",
              [](step& s) {
                  s.path_len = 4097;
                  s.header_len = 5000;
              }),
        info2("len-shorter", "/dev/ublkc0", "P-4", "-EINVAL",
              [](step& s) {
                  s.path_len = 11;
                  s.header_len = 10;
              }),
        info2("len-just-path", "/dev/ublkc0", "INFO-1", "-EINVAL",
              [](step& s) {
                  s.path_len = 11;
                  s.header_len = 11;
              }),
        info2("bad-address", "/dev/ublkc0", "P-5", "-EFAULT", [](step& s) { s.at = place::bad; }),
        info2("missing", "/dev/ublkc9", "P-7", "-ENOENT", same),
        info2("not-a-directory", "/dev/null/x", "P-7", "-ENOTDIR", same),
        info2("other-device", "/dev/null", "P-8", "-EPERM", same),
        info2("regular-file", "/etc/passwd", "P-8", "-EPERM", same),
        info2("directory", "/dev", "P-8", "-EPERM", same),
        info2("zero-inside", std::string("/dev/ublkc0\0zz", 14), "P-0", "0", same),
        make("path.no-permission", add(), control_open,
             changed(get_info2("/dev/ublkc0"), as_nobody)),
        make("path.nobody-privileged-device", add(), control_open,
             by(get_info(), p_nobody).meets("P-1", "-EPERM")),
        make("path.bare", add(), by(get_info2("/dev/ublkc0"), p_bare)),
    };
}

shape unprivileged() { return {.flags = uapi::f_unprivileged_dev}; }

sequences unprivileged_devices() {
    sequences all;
    const step bare_add = by(add(unprivileged()), p_bare);
    for (ctrl_op what : uapi::ctrl_ops) {
        if (what == ctrl_op::add_dev || what == ctrl_op::get_features) continue;
        step with_path = command(what);
        with_path.path = "/dev/ublkc0";
        with_path.at = place::payload;
        if (what == ctrl_op::del_dev) continue;  // below: it would leave nothing to look at
        const std::string nr = std::to_string(int(what));
        step s = with_path;
        s.path.reset();
        all.push_back(
            make("unprivileged.no-path-" + nr, bare_add, step(s).meets("P-3", "-EINVAL")));
        s = with_path;
        if (what == ctrl_op::del_dev_async) {
            all.push_back(make("unprivileged.async-del", bare_add,
                               by(s, p_bare).meets("P-6", "-EINVAL", 609),
                               step(s).meets("P-6", "-EINVAL", 609)));
        } else {
            all.push_back(make("unprivileged.path-" + nr, bare_add, by(s, p_bare)));
            step mode = call(op::mode);
            mode.flags = 0400;
            mode.length = 1000;
            step control = call(op::mode);
            control.target = file::control;
            control.flags = 0666;
            step refused = by(s, p_nobody);
            if (what == ctrl_op::start_dev || what == ctrl_op::stop_dev ||
                what == ctrl_op::set_params) {
                refused.expected = {{"P-9", "-EACCES"}};
            }
            all.push_back(
                make("unprivileged.read-only-node-" + nr, bare_add, mode, control, refused));
        }
    }
    step del = command(ctrl_op::del_dev);
    del.path = "/dev/ublkc0";
    del.at = place::payload;
    const auto with_path = [](step s) {
        s.path = "/dev/ublkc0";
        s.at = place::payload;
        return by(s, p_bare);
    };
    const auto bare = [](step s) { return by(s, p_bare); };
    all.push_back(make("unprivileged.del", bare_add, by(del, p_bare)));
    step start_bare = with_path(start());
    start_bare.pid_of = p_bare;
    all.push_back(make("unprivileged.life", bare_add, with_path(set_params(good_params())),
                       bare(open_char()), bare(map_queue()), bare(fetch()), start_bare,
                       with_path(get_info()), disk_open(O_RDWR), disk(op::disk_read),
                       bare(commit({}, 4096)), by(disk_open(O_RDONLY), p_bare),
                       by(disk_open(O_RDONLY), p_nobody), with_path(command(ctrl_op::stop_dev)),
                       with_path(command(ctrl_op::del_dev))));
    step node = call(op::mode);
    node.target = file::disk;
    node.flags = 0666;
    all.push_back(make("unprivileged.disk-of-another", bare_add,
                       with_path(set_params(good_params())), bare(open_char()), bare(map_queue()),
                       bare(fetch()), start_bare, node,
                       by(disk_open(O_RDONLY), p_nobody).meets("BLK-2", "-EPERM")));
    return all;
}

}  // namespace

sequences entry_sequences() {
    sequences all = entry_checks();
    for (auto* more : {&dispatcher, &paths, &unprivileged_devices}) {
        for (sequence& s : more()) all.push_back(std::move(s));
    }
    return all;
}

}  // namespace agree
