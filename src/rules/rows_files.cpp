// SPDX-License-Identifier: MIT
// Opening and mapping the device's files, and moving data by pread and pwrite.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject open_server[] = {open_char};
constexpr subject map[] = {map_descriptors};
constexpr subject moves[] = {read_data, write_data};
constexpr subject takes[] = {read_data};
constexpr subject gives[] = {write_data};
constexpr subject open_disk[] = {open_block};

// A kernel before 7.3 says 0 where it means 24.
std::uint64_t size_or_default(std::uint16_t bytes) {
    return bytes == 0 ? uapi::io_desc_size_default : bytes;
}

uapi::user_copy_place place(const call& c) { return uapi::user_copy_place_of(c.position.value()); }

maybe no_user_copy(const kernel& k, const call& c) {
    std::uint64_t ways = uapi::f_user_copy;
    if (!k.at_least(6, 18)) ways |= uapi::f_supp_zero_copy;
    return !has(c.flags, ways);
}
maybe wrong_way(const call& c, uapi::op a, uapi::op b) {
    return c.request_op.is([=](uapi::op op) { return op == a || op == b; });
}

constexpr std::string_view user_copy_source = "ublk_check_and_get_req";
constexpr std::string_view direction_mend =
    "take the data of a WRITE or ZONE_APPEND with pread, give that of a READ or REPORT_ZONES with "
    "pwrite";

constexpr row rows[] = {
    {.id = "OPEN-3",
     .about = open_server,
     .error = ENOENT,
     .breaks = [](auto&, auto& c) { return !holds(c.char_exists); },
     .means = "There is no /dev/ublkcN: the device was deleted, or udev has not made the node yet",
     .mend = "after ADD_DEV, try again for some milliseconds",
     .source = "the file system"},
    {.id = "OPEN-1",
     .about = open_server,
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return !holds(c.may_open); },
     .means = "The node's mode does not allow the caller to open it",
     .mend = "run as root, or give the caller the node by a rule of udev",
     .source = "the file system"},
    {.id = "OPEN-2",
     .about = open_server,
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.char_open); },
     .means = "/dev/ublkcN is open already, or the release of a former open is not done; udev's "
              "probing opens it for a moment, too",
     .mend = "try again for some milliseconds; else find the process that has it open",
     .source = "ublk_ch_open"},

    {.id = "MMAP-0",
     .about = map,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return zero(c.bytes) || c.position.is([&](auto at) { return at % k.page_bytes != 0; });
         },
     .means = "A mapping of 0 bytes, or from an offset that is no page's",
     .mend = "map queue_depth descriptors, rounded up to a page, from the queue's offset",
     .source = "do_mmap"},
    {.id = "MMAP-0",
     .about = map,
     .error = EACCES,
     .breaks =
         [](auto&, auto& c) {
             return holds(c.map_shared) && holds(c.map_writable) && !holds(c.opened_for_writing);
         },
     .means = "A shared writable mapping of a file that was not opened for writing",
     .mend = "map with PROT_READ alone",
     .source = "do_mmap"},
    {.id = "MMAP-0",
     .about = map,
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return !holds(c.opened_for_reading); },
     .means = "/dev/ublkcN was not opened for reading",
     .mend = "open it with O_RDWR",
     .source = "do_mmap"},
    {.id = "MMAP-1",
     .about = map,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return holds(c.mapped_by_other); },
     .means = "Another process has mapped this device in this round, or tried to",
     .mend = "map in the process that serves; else close /dev/ublkcN everywhere and open it anew",
     .source = "ublk_ch_mmap"},
    {.id = "MMAP-2",
     .about = map,
     .error = EPERM,
     .breaks = [](auto&, auto& c) { return holds(c.map_writable); },
     .means = "The descriptors can only be read, also with MAP_PRIVATE",
     .mend = "map with PROT_READ alone",
     .source = "ublk_ch_mmap"},
    {.id = "MMAP-3",
     .about = map,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return c.position != 0 &&
                    both(c.queues, c.descriptor_bytes, [](auto, auto) { return true; }) &&
                    both(c.position, c.queues, [&](std::uint64_t at, auto queues) {
                        return at >= queues * uapi::descriptor_stride(
                                                  size_or_default(c.descriptor_bytes.value()),
                                                  k.page_bytes);
                    });
         },
     .means = "The offset is beyond the last queue's descriptors",
     .mend = "map queue q at q * (4096 * descriptor's bytes, rounded up to a page): steps of 98304 "
             "for 24 bytes",
     .source = "ublk_ch_mmap"},
    {.id = "MMAP-3",
     .about = map,
     .what = effect::silently,
     .breaks =
         [](auto& k, auto& c) {
             return both(c.position, c.descriptor_bytes, [&](std::uint64_t at, auto bytes) {
                 return at % uapi::descriptor_stride(size_or_default(bytes), k.page_bytes) != 0;
             });
         },
     .means = "The offset is no queue's beginning: what is mapped are the descriptors, from the "
              "first on, of the queue whose range it lies in",
     .mend = "map queue q at q * (4096 * descriptor's bytes, rounded up to a page)",
     .source = "ublk_ch_mmap"},
    {.id = "MMAP-4",
     .about = map,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return both(c.depth, c.descriptor_bytes, [](auto, auto) { return true; }) &&
                    c.bytes.is([&](std::uint64_t bytes) {
                        return uapi::round_up_to(bytes, k.page_bytes) !=
                               uapi::descriptor_map_bytes(c.depth.value(),
                                                          c.descriptor_bytes.value(), k.page_bytes);
                    });
         },
     .means = "The length is not that of queue_depth descriptors, rounded up to a page",
     .mend = "map exactly queue_depth * descriptor's bytes, with the depth that ADD_DEV gave back",
     .source = "ublk_ch_mmap"},

    {.id = "UC-0",
     .about = moves,
     .kernels = until(6, 5),
     .error = EINVAL,
     .breaks = &always,
     .means = "/dev/ublkcN can't be read or written on this kernel",
     .mend = "use copy mode before Linux 6.5",
     .source = "vfs_read, vfs_write"},
    {.id = "UC-0",
     .about = moves,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.position.is(
                 [](std::uint64_t at) { return static_cast<std::int64_t>(at) < 0; });
         },
     .means = "The position is negative",
     .mend = "use 0x80000000 + (q_id << 41) + (tag << 25) + offset",
     .source = "rw_verify_area"},
    {.id = "UC-1",
     .about = moves,
     .kernels = since(6, 5),
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return !holds(c.user_memory); },
     .means = "The other side is not memory of the process (a pipe by splice, a buffer of the "
              "kernel)",
     .mend = "read into or write from ordinary memory",
     .source = user_copy_source},
    {.id = "UC-2",
     .about = moves,
     .kernels = since(6, 5),
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return c.state == uapi::device_state::dead; },
     .means = "The device is not started, or was stopped",
     .mend = "move data only for requests that were delivered",
     .source = user_copy_source},
    {.id = "UC-3",
     .about = moves,
     .kernels = since(7, 0),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.position.is([&](auto) { return place(c).integrity; }) &&
                    !has(c.flags, uapi::f_integrity);
         },
     .means = "Bit 62 of the position asks for protection information, which the device has not",
     .mend = "clear bit 62, or make the device with UBLK_F_INTEGRITY",
     .source = user_copy_source},
    {.id = "UC-4",
     .about = moves,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.position.is([&](auto) { return place(c).q_id != 0; }) &&
                    both(c.position, c.queues,
                         [&](auto, auto queues) { return place(c).q_id >= queues; });
         },
     .means = "The position's queue is not less than nr_hw_queues (a position below 0x80000000 "
              "counts as queue 4095)",
     .mend = "use 0x80000000 + (q_id << 41) + (tag << 25) + offset",
     .source = user_copy_source},
    {.id = "UC-5",
     .about = moves,
     .kernels = since(6, 18),
     .error = EACCES,
     .breaks = &no_user_copy,
     .means = "The device was made without UBLK_F_USER_COPY",
     .mend = "set UBLK_F_USER_COPY at ADD_DEV",
     .source = user_copy_source},
    {.id = "UC-6",
     .about = moves,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.position.is([&](auto) { return place(c).tag != 0; }) &&
                    both(c.position, c.depth,
                         [&](auto, auto depth) { return place(c).tag >= depth; });
         },
     .means = "The position's tag is not less than queue_depth",
     .mend = "use 0x80000000 + (q_id << 41) + (tag << 25) + offset",
     .source = user_copy_source},
    {.id = "UC-5",
     .about = moves,
     .kernels = between({6, 5}, {6, 18}),
     .error = EINVAL,
     .breaks = &no_user_copy,
     .means = "The device was made without UBLK_F_USER_COPY",
     .mend = "set UBLK_F_USER_COPY at ADD_DEV",
     .source = user_copy_source},
    {.id = "UC-7",
     .about = moves,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.slot_owned) || !holds(c.request_has_data); },
     .means = "The server has no request of this tag, or one without data",
     .mend = "move data between a READ's or WRITE's delivery and its commit",
     .source = user_copy_source},
    {.id = "UC-8",
     .about = moves,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.position.is([&](auto) { return place(c).offset != 0; }) &&
                    both(c.position, c.request_bytes,
                         [&](auto, auto bytes) { return place(c).offset > bytes; });
         },
     .means = "The position's offset is beyond the request's length",
     .mend = "use offsets from 0 to less than nr_sectors * 512",
     .source = user_copy_source},
    {.id = "UC-9",
     .about = takes,
     .kernels = since(6, 5),
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return wrong_way(c, uapi::op::read, uapi::op::report_zones); },
     .means = "A pread for a request that wants data",
     .mend = direction_mend,
     .source = "ublk_check_ubuf_dir"},
    {.id = "UC-9",
     .about = gives,
     .kernels = since(6, 5),
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return wrong_way(c, uapi::op::write, uapi::op::zone_append); },
     .means = "A pwrite for a request that brings data",
     .mend = direction_mend,
     .source = "ublk_check_ubuf_dir"},

    {.id = "BLK-4",
     .about = open_disk,
     .error = ENXIO,
     .breaks = [](auto&, auto& c) { return !holds(c.disk_present); },
     .means = "The disk is gone: the device was stopped, or its server died",
     .mend = "start a server for it",
     .source = "bdev_open"},
    {.id = "BLK-2",
     .about = open_disk,
     .kernels = since(6, 3),
     .error = EPERM,
     .breaks =
         [](auto&, auto& c) {
             return !holds(c.admin) && has(c.flags, uapi::f_unprivileged_dev) &&
                    !holds(c.owner_matches);
         },
     .means = "The disk belongs to the user and group that made the device, and the caller is "
              "another",
     .mend = "open it as that user with that group, or with CAP_SYS_ADMIN",
     .source = "ublk_open"},
    {.id = "BLK-3",
     .about = open_disk,
     .kernels = since(7, 0),
     .error = ENXIO,
     .breaks = [](auto&, auto& c) { return !holds(c.admin) && holds(c.blocked_for_users); },
     .means = "After a TRY_STOP_DEV only a caller with CAP_SYS_ADMIN can open the disk",
     .mend = "delete the device and make it anew",
     .source = "ublk_open"},
};

}  // namespace

std::span<const row> file_rows() { return rows; }

}  // namespace ashlar::rules
