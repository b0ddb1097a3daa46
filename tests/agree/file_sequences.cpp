// SPDX-License-Identifier: MIT
// /dev/ublkcN as a file: open, mmap, pread, pwrite. And /dev/ublkbN.
#include "enumerated.hpp"

#include <fcntl.h>
#include <sys/mman.h>

namespace agree {

namespace {

using uapi::ctrl_op;

constexpr std::uint64_t stride = uapi::descriptor_stride(24, 4096);
const shape user_copy{.flags = uapi::f_user_copy};

step mapped(auto change) { return changed(map_queue(), change); }

step copy(op what, std::uint64_t position, std::uint64_t length = 4096) {
    step s = call(what);
    s.position = position;
    s.length = length;
    return s;
}

std::uint64_t at(unsigned queue, unsigned tag, unsigned offset = 0) {
    return uapi::user_copy_position(static_cast<std::uint16_t>(queue),
                                    static_cast<std::uint16_t>(tag), offset);
}

sequences opens() {
    return {
        make("open.fine", added(), open_char().meets("OPEN-0", "0")),
        make("open.twice", added(), open_char(), open_char().meets("OPEN-2", "-EBUSY"),
             by(open_char(), p_other).meets("OPEN-2", "-EBUSY"), close_char(),
             by(open_char(), p_other)),
        make("open.read-only-write-only", added(),
             changed(open_char(), [](step& s) { s.flags = O_RDONLY; }), close_char(),
             changed(open_char(), [](step& s) { s.flags = O_WRONLY; })),
        make("open.no-permission", added(), by(open_char(), p_nobody).meets("OPEN-1", "-EACCES")),
        make("open.closed-with-map", opened(), close_char(), open_char().meets("OPEN-2", "-EBUSY"),
             unmap_queue(), open_char().meets("OPEN-0", "0")),
        make("open.closed-with-commands", fetched(), unmap_queue(), close_char(), open_char(),
             call(op::ring_close), open_char()),
        make("open.excl", added(), changed(open_char(), [](step& s) { s.flags = O_RDWR | O_EXCL; }),
             changed(open_char(), [](step& s) { s.flags = O_RDWR | O_NONBLOCK; })),
    };
}

sequences maps() {
    const shape two{.queues = 2, .depth = 2};
    const auto open_only = [](std::uint32_t flags) {
        steps all = added();
        all.push_back(changed(open_char(), [&](step& s) { s.flags = flags; }));
        return all;
    };
    const steps opened_only = open_only(O_RDWR);
    const shape wide{.flags = uapi::f_io_desc_size};
    return {
        make("map.fine", opened_only, mapped([](step&) {}).meets("MMAP-OK", "0")),
        make("map.private", opened_only,
             mapped([](step& s) { s.at = place::number; }).meets("MMAP-OK", "0")),
        make("map.write-only-file", open_only(O_WRONLY),
             mapped([](step&) {}).meets("MMAP-0", "-EACCES")),
        make("map.write-on-read-only-file", open_only(O_RDONLY),
             mapped([](step& s) { s.flags = PROT_READ | PROT_WRITE; }).meets("MMAP-0", "-EACCES")),
        make("map.length-0", opened_only,
             mapped([](step& s) { s.length = 0; }).meets("MMAP-0", "-EINVAL")),
        make("map.unaligned-offset", opened_only,
             mapped([](step& s) { s.position = 100; }).meets("MMAP-0", "-EINVAL")),
        make("map.other-process", opened(), changed(by(open_char(), p_other), [](step&) {}),
             by(map_queue(), p_other)),
        make("map.next-process-same-round", added(), open_char(),
             mapped([](step& s) { s.length = 8192; }), close_char(), by(open_char(), p_other),
             by(map_queue(), p_other).meets("MMAP-1", "0", 616)),
        make("map.next-process-old", added(), open_char(), mapped([](step& s) { s.length = 8192; }),
             close_char(), by(open_char(), p_other),
             by(map_queue(), p_other).meets("MMAP-1", "-EINVAL", 0, 616)),
        make("map.writable", opened_only,
             mapped([](step& s) { s.flags = PROT_READ | PROT_WRITE; }).meets("MMAP-2", "-EPERM"),
             map_queue()),
        make("map.writable-private", opened_only, mapped([](step& s) {
                                                      s.flags = PROT_READ | PROT_WRITE;
                                                      s.at = place::number;
                                                  }).meets("MMAP-2", "-EPERM")),
        make("map.write-alone", opened_only,
             mapped([](step& s) { s.flags = PROT_WRITE; }).meets("MMAP-2", "-EPERM")),
        make("map.none", opened_only, mapped([](step& s) { s.flags = PROT_NONE; })),
        make("map.exec", opened_only, mapped([](step& s) { s.flags = PROT_READ | PROT_EXEC; })),
        make("map.offset-end", opened_only,
             mapped([](step& s) { s.position = stride; }).meets("MMAP-3", "-EINVAL")),
        make("map.second-queue", added(two), open_char(), map_queue(two, 1).meets("MMAP-OK", "0"),
             changed(map_queue(two, 2), [](step& s) { s.queue = 2; }).meets("MMAP-3", "-EINVAL")),
        make("map.inside-stride", opened_only, mapped([](step& s) { s.position = 8192; })),
        make("map.buffers-of-old", opened_only,
             mapped([](step& s) { s.position = 0x80000000; }).meets("MMAP-3", "-EINVAL")),
        make("map.too-long", opened_only,
             mapped([](step& s) { s.length = 8192; }).meets("MMAP-4", "-EINVAL")),
        make("map.short-rounds-up", opened_only,
             mapped([](step& s) { s.length = 24; }).meets("MMAP-4", "0")),
        make("map.depth-4096", added(shape{.depth = 4096}), open_char(),
             map_queue(shape{.depth = 4096}).meets("MMAP-OK", "0"),
             map_queue().meets("MMAP-4", "-EINVAL")),
        make("map.depth-171", added(shape{.depth = 171}), open_char(),
             map_queue(shape{.depth = 171}),
             mapped([](step& s) { s.length = 4096; }).meets("MMAP-4", "-EINVAL")),
        make("map.protect-write", opened(),
             changed(call(op::protect), [](step& s) { s.flags = PROT_READ | PROT_WRITE; })
                 .meets("MMAP-2", "-EACCES", 612)),
        make("map.twice", opened(), map_queue()),
        make("map.after-unmap", opened(), unmap_queue(), map_queue()),
        since(703,
              make("map.wide-descriptors",
                   add_with(
                       [](uapi::ctrl_dev_info& i) {
                           i.io_desc_size = 256;
                           i.queue_depth = 32;
                           i.nr_hw_queues = 2;
                       },
                       wide),
                   open_char(), mapped([](step& s) { s.length = 4096; }).meets("MMAP-4", "-EINVAL"),
                   mapped([](step& s) { s.length = 8192; }).meets("MMAP-OK", "0"),
                   mapped([](step& s) {
                       s.length = 8192;
                       s.position = stride;
                       s.queue = 1;
                   }),
                   mapped([](step& s) {
                       s.length = 8192;
                       s.position = 1 << 20;
                       s.queue = 2;
                   }))),
    };
}

sequences copies() {
    const auto asked_by = [](op what, const shape& of) {
        steps all = live(of);
        all.push_back(disk_open(O_RDWR));
        all.push_back(disk(what));
        return all;
    };
    const steps reading = asked_by(op::disk_read, user_copy),
                writing = asked_by(op::disk_write, user_copy);
    const auto R = op::pread, W = op::pwrite;
    const step done = commit(user_copy, 4096);
    return {
        make("copy.read-request", reading, copy(W, at(0, 0)).meets("UC-OK", "4096"), done),
        make("copy.write-request", writing, copy(R, at(0, 0)).meets("UC-OK", "4096"), done),
        make("copy.negative", writing, copy(R, ~0ull).meets("UC-0", "-EINVAL"), done),
        make("copy.dead", opened(user_copy), copy(R, at(0, 0)).meets("UC-2", "-EACCES")),
        make("copy.stopped", live(user_copy), command(ctrl_op::stop_dev),
             copy(R, at(0, 0)).meets("UC-2", "-EACCES")),
        make("copy.integrity-bit", writing,
             copy(R, at(0, 0) | (1ull << 62)).meets("UC-3", "-EINVAL", 700), done),
        make("copy.queue", writing, copy(R, at(1, 0)).meets("UC-4", "-EINVAL"), done),
        make("copy.position-0", writing, copy(R, 0).meets("UC-4", "-EINVAL"), done),
        make("copy.no-user-copy", asked(), copy(R, at(0, 0)).meets("UC-5", "-EACCES", 615),
             commit({}, 4096)),
        make("copy.no-user-copy-old", asked(), copy(R, at(0, 0)).meets("UC-5", "-EINVAL", 0, 613),
             commit({}, 4096)),
        make("copy.tag", writing, copy(R, at(0, 1)).meets("UC-6", "-EINVAL"), done),
        make("copy.idle", live(user_copy), copy(R, at(0, 0)).meets("UC-7", "-EINVAL")),
        make("copy.after-commit", writing, done, copy(R, at(0, 0)).meets("UC-7", "-EINVAL")),
        make("copy.offset-end", writing, copy(R, at(0, 0, 4096)).meets("UC-8", "0"), done),
        make("copy.offset-over", writing, copy(R, at(0, 0, 4097)).meets("UC-8", "-EINVAL"), done),
        make("copy.offset-inside", writing, copy(R, at(0, 0, 4000)).meets("UC-OK", "96", 618),
             done),
        make("copy.pread-of-read", reading, copy(R, at(0, 0)).meets("UC-9", "-EACCES"), done),
        make("copy.pwrite-of-write", writing, copy(W, at(0, 0)).meets("UC-9", "-EACCES"), done),
        make("copy.bad-pointer", writing,
             changed(copy(R, at(0, 0)), [](step& s) { s.at = place::bad; }), done),
        make("copy.longer", writing, copy(R, at(0, 0), 8192).meets("UC-OK", "4096", 618), done),
        make("copy.length-0", writing, copy(R, at(0, 0), 0), done),
        make("copy.other-thread", writing,
             by(copy(R, at(0, 0)), p_server, 1).meets("UC-OK", "4096"), done),
        make("copy.parts", reading, copy(W, at(0, 0), 512), copy(W, at(0, 0, 512), 3584), done),
        make("copy.nothing-given", reading, done),
        make("copy.flush-request", add(user_copy),
             params_with([](uapi::params& p) { p.basic.attrs = uapi::attr_volatile_cache; }),
             open_char(), map_queue(), fetch(user_copy), start(), disk_open(O_RDWR),
             disk(op::disk_flush), copy(R, at(0, 0)).meets("UC-7", "-EINVAL"),
             commit(user_copy, 0)),
    };
}

sequences disks() {
    const auto nobody = [](step s) { return by(std::move(s), p_nobody); };
    step block = call(op::mode);
    block.target = file::disk;
    block.flags = 0666;
    return {
        make("disk.privileged-by-nobody", live(), nobody(disk_open(O_RDONLY)), block,
             nobody(disk_open(O_RDONLY)).meets("BLK-0", "0")),
        make("disk.bare", live(), by(disk_open(O_RDWR), p_bare).meets("BLK-0", "0")),
        make("disk.before-start", added(), disk_open(O_RDONLY).meets("BLK-4", "-ENOENT")),
        since(700, make("disk.after-try-stop", live(), disk_open(O_RDONLY), disk(op::disk_close),
                        command(ctrl_op::try_stop_dev), disk_open(O_RDONLY))),
        make("disk.exclusive", live(), disk_open(O_RDWR | O_EXCL),
             by(disk_open(O_RDWR | O_EXCL), p_server, 1)),
    };
}

}  // namespace

sequences file_sequences() {
    sequences all = opens();
    for (auto* more : {&maps, &copies}) {
        for (sequence& s : more()) all.push_back(std::move(s));
    }
    return all;
}

sequences disk_sequences() { return disks(); }

}  // namespace agree
