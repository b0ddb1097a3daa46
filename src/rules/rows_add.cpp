// SPDX-License-Identifier: MIT
// ADD_DEV.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

constexpr subject add[] = {subject::add_dev};

using info = const uapi::ctrl_dev_info*;

maybe flags(const call& c, std::uint64_t mask) {
    return c.info.is([mask](info i) { return (i->flags & mask) != 0; });
}
maybe unprivileged(const call& c) { return !holds(c.admin) && flags(c, uapi::f_unprivileged_dev); }

constexpr std::uint64_t recovery =
    uapi::f_user_recovery | uapi::f_user_recovery_reissue | uapi::f_user_recovery_fail_io;

bool recovery_is_odd(info i) {
    const std::uint64_t f = i->flags & recovery;
    return f != 0 && f != uapi::f_user_recovery &&
           f != (uapi::f_user_recovery | uapi::f_user_recovery_reissue) &&
           f != (uapi::f_user_recovery | uapi::f_user_recovery_fail_io);
}
maybe batches_one_tag(const call& c) {
    return flags(c, uapi::f_batch_io) && c.info.is([](info i) { return i->queue_depth < 2; });
}
bool automatic(const kernel& k, std::uint32_t id) {  // the driver is to choose one
    return id == uapi::device_id_auto || (!k.at_least(6, 7) && id >= 1u << 31);
}

// Where the limit counts devices without privileges alone; before, it counted all.
constexpr version limit_backports[] = {{6, 14, 9}, {6, 12, 31}, {6, 6, 93}};
// Where queue_depth is looked at, and where both numbers are.
constexpr version depth_backports[] = {{6, 15, 5}, {6, 12, 36}, {6, 6, 96}, {6, 1, 143}};
constexpr version zero_backports[] = {{6, 15, 6}, {6, 12, 37}};
constexpr version state_backports[] = {{6, 12, 117}, {6, 1, 192}};

constexpr std::string_view limit_mend =
    "delete devices, or raise the driver's parameter ublks_max (module option, or "
    "/sys/module/ublk_drv/parameters/ublks_max)";

bool too_deep(info i) { return i->queue_depth > uapi::queue_depth_max; }
bool empty(info i) { return i->queue_depth == 0 || i->nr_hw_queues == 0; }
constexpr row rows[] = {
    {.id = "ADD-1",
     .about = add,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.payload_length < std::uint16_t{sizeof(uapi::ctrl_dev_info)} ||
                    zero(c.payload_address);
         },
     .means = "The payload is a ublksrv_ctrl_dev_info of 64 bytes: len is less, or addr is 0",
     .mend = "set len to 64 and addr to the struct (a payload at byte 64 of the entry instead of "
             "48 looks like this, too)",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-2",
     .about = add,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.queue_id != uapi::queue_id_none; },
     .means = "ADD_DEV is not about a queue, so queue_id must say none",
     .mend = "set ublksrv_ctrl_cmd.queue_id to 0xffff",
     .log = "queue_id is wrong",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-3",
     .about = add,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_readable); },
     .means = "The dev_info can't be read at addr",
     .mend = "let addr point to 64 readable and writable bytes",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-4",
     .about = add,
     .kernels = {.since = {6, 16, 0}, .also_since = depth_backports},
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.info.is(&too_deep); },
     .means = "dev_info.queue_depth is more than 4096",
     .mend = "set queue_depth to 1 to 4096",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-4",
     .about = add,
     .kernels = {.since = {6, 16, 0}, .also_since = zero_backports},
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.info.is([](info i) {
                 return i->queue_depth == 0 || i->nr_hw_queues == 0 ||
                        i->nr_hw_queues > uapi::queues_max;
             });
         },
     .means = "dev_info.queue_depth is 0, or nr_hw_queues is 0 or more than 4096",
     .mend = "set queue_depth and nr_hw_queues to 1 to 4096",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-5",
     .about = add,
     .kernels = since(6, 3),
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return holds(c.admin) && flags(c, uapi::f_unprivileged_dev); },
     .means = "A caller with CAP_SYS_ADMIN can't make a device without privileges: the flag "
              "UNPRIVILEGED_DEV is cleared",
     .mend = "call without CAP_SYS_ADMIN, or read the flags back",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-5",
     .about = add,
     .kernels = since(6, 3),
     .error = EPERM,
     .breaks = [](auto&,
                  auto& c) { return !holds(c.admin) && !flags(c, uapi::f_unprivileged_dev); },
     .means = "The caller has no CAP_SYS_ADMIN and does not ask for a device without privileges",
     .mend = "run as root, or set UBLK_F_UNPRIVILEGED_DEV in dev_info.flags",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-6",
     .about = add,
     .kernels = since(6, 13),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.info.is(&recovery_is_odd); },
     .means = "The recovery flags are USER_RECOVERY alone, with REISSUE, or with FAIL_IO, and "
              "these are another mixture",
     .mend = "set USER_RECOVERY too, and at most one of REISSUE and FAIL_IO",
     .log = "invalid recovery flags",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-7",
     .about = add,
     .kernels = since(6, 16),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return flags(c, uapi::f_quiesce) && !flags(c, uapi::f_user_recovery);
         },
     .means = "A device that can be quiesced must be one that can be recovered",
     .mend = "set UBLK_F_USER_RECOVERY with UBLK_F_QUIESCE",
     .log = "requires UBLK_F_USER_RECOVERY",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-8",
     .about = add,
     .kernels = since(6, 3),
     .what = effect::silently,
     .breaks =
         [](auto&, auto& c) {
             return unprivileged(c) &&
                    flags(c, uapi::f_user_recovery | uapi::f_user_recovery_reissue);
         },
     .means = "A device without privileges can't be recovered: USER_RECOVERY and REISSUE are "
              "cleared",
     .mend = "read the flags back, and don't count on recovery",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-8",
     .about = add,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             std::uint64_t refused = uapi::f_user_copy;
             if (k.at_least(6, 15)) refused |= uapi::f_supp_zero_copy;
             if (k.at_least(6, 16)) refused |= uapi::f_auto_buf_reg;
             return unprivileged(c) && flags(c, refused);
         },
     .means = "A device without privileges can only copy: none of USER_COPY, SUPPORT_ZERO_COPY "
              "and AUTO_BUF_REG",
     .mend = "clear these flags, or make the device with CAP_SYS_ADMIN",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-9",
     .about = add,
     .kernels = since(7, 0),
     .error = EINVAL,
     .breaks = [](auto&,
                  auto& c) { return flags(c, uapi::f_integrity) && !flags(c, uapi::f_user_copy); },
     .means = "Protection information is moved by user copy, which is not asked for",
     .mend = "set UBLK_F_USER_COPY with UBLK_F_INTEGRITY",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-10",
     .about = add,
     .kernels = since(7, 3),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return flags(c, uapi::f_io_desc_size) && c.info.is([](info i) {
                 return i->io_desc_size < uapi::io_desc_size_default ||
                        i->io_desc_size % uapi::io_desc_size_step != 0 ||
                        i->io_desc_size > uapi::io_desc_size_max;
             });
         },
     .means = "With IO_DESC_SIZE, dev_info.io_desc_size is a multiple of 8 from 24 to 256",
     .mend = "set io_desc_size to 24, 32, … or 256, or clear the flag",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-10",
     .about = add,
     .kernels = since(7, 3),
     .what = effect::silently,
     .breaks =
         [](auto&, auto& c) {
             return !flags(c, uapi::f_io_desc_size) && c.info.is([](info i) {
                 return i->io_desc_size != 0 && i->io_desc_size != uapi::io_desc_size_default;
             });
         },
     .means = "io_desc_size counts only with the flag IO_DESC_SIZE; without it, it becomes 24",
     .mend = "set UBLK_F_IO_DESC_SIZE",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-11",
     .about = add,
     .kernels = since(6, 3),
     .what = effect::silently,
     .breaks =
         [](auto&, auto& c) {
             return c.info.is([](info i) { return i->owner_uid != 0 || i->owner_gid != 0; });
         },
     .means = "owner_uid and owner_gid become those of the caller, whatever was sent",
     .mend = "leave them 0, and read them back",
     .source = "ublk_store_owner_uid_gid"},
    {.id = "ADD-12",
     .about = add,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return both(c.dev_id, c.info,
                         [](std::uint32_t id, info i) { return id != i->dev_id; });
         },
     .means = "The id in the header and the one in the dev_info differ",
     .mend = "set ublksrv_ctrl_cmd.dev_id and dev_info.dev_id to the same (0xffffffff for any)",
     .log = "dev id not match",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-13",
     .about = add,
     .kernels = since(6, 7),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.info.is([](info i) {
                 return i->dev_id != uapi::device_id_auto && i->dev_id > uapi::device_id_max;
             });
         },
     .means = "An id is less than 1048576",
     .mend = "set dev_id to a smaller one, or to 0xffffffff for the lowest that is free",
     .log = "too large",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-14",
     .about = add,
     .error = EINTR,
     .breaks = [](auto&, auto& c) { return holds(c.control_busy) && holds(c.interrupted); },
     .means =
         "The caller was killed while it waited for another ADD_DEV or DEL_DEV on this machine",
     .mend = "find who is stuck in DEL_DEV",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-14",
     .about = add,
     .what = effect::blocks,
     .breaks = [](auto&, auto& c) { return holds(c.control_busy); },
     .means = "Another ADD_DEV or DEL_DEV on this machine is not done, and there is one at a time",
     .mend = "find who is stuck in DEL_DEV",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-15",
     .about = add,
     .kernels = {.since = {6, 3, 0}, .until = {6, 15, 0}, .also_until = limit_backports},
     .error = EACCES,
     .breaks = [](auto& k, auto& c) { return c.devices >= k.devices_max; },
     .means = "There are as many devices as ublks_max allows; this kernel counts those with "
              "privileges, too",
     .mend = limit_mend,
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-15",
     .about = add,
     .kernels = {.since = {6, 15, 0}, .also_since = limit_backports},
     .error = EACCES,
     .breaks = [](auto& k,
                  auto& c) { return unprivileged(c) && c.unprivileged_devices >= k.devices_max; },
     .means = "There are as many devices without privileges as ublks_max allows",
     .mend = limit_mend,
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-16",
     .about = add,
     .error = ENOMEM,
     .means = "The kernel has no memory for the device",
     .mend = "free memory, and try again",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-17",
     .about = add,
     .error = EEXIST,
     .breaks =
         [](auto& k, auto& c) {
             return c.info.is([&](info i) { return !automatic(k, i->dev_id); }) &&
                    holds(c.id_taken);
         },
     .means = "The id is in use, perhaps by a device that was deleted and that something still "
              "holds: an open file, a mapping, a user of its disk",
     .mend = "delete the device, find who holds it, or take another id (0xffffffff for any)",
     .source = "ublk_alloc_dev_number"},
    {.id = "ADD-17",
     .about = add,
     .error = ENOSPC,
     .breaks =
         [](auto& k, auto& c) {
             return c.info.is([&](info i) { return automatic(k, i->dev_id); }) &&
                    c.devices > uapi::device_id_max;
         },
     .means = "No id is free",
     .mend = "delete devices",
     .source = "ublk_alloc_dev_number"},
    {.id = "ADD-18",
     .about = add,
     .kernels = since(6, 6),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             std::uint64_t ways = uapi::f_user_copy;
             if (k.at_least(6, 15)) ways |= uapi::f_supp_zero_copy;
             return flags(c, uapi::f_zoned) && (!k.zoned || !flags(c, ways));
         },
     .means = "A zoned disk needs a kernel with CONFIG_BLK_DEV_ZONED, and USER_COPY (from 6.15 on "
              "SUPPORT_ZERO_COPY will do)",
     .mend = "set UBLK_F_USER_COPY with UBLK_F_ZONED",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-19",
     .about = add,
     .kernels = since(7, 0),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return batches_one_tag(c); },
     .means = "With BATCH_IO a queue has at least 2 tags",
     .mend = "set queue_depth to 2 or more, or clear UBLK_F_BATCH_IO",
     .source = "ublk_init_queue"},
    {.id = "ADD-19",
     .about = add,
     .kernels = {.until = {6, 16, 0}, .also_until = zero_backports},
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.info.is(&empty); },
     .means = "dev_info.queue_depth or nr_hw_queues is 0",
     .mend = "set both to 1 to 4096",
     .source = "blk_mq_alloc_tag_set"},
    {.id = "ADD-19",
     .about = add,
     .error = ENOMEM,
     .means = "The kernel has no memory for the queues",
     .mend = "free memory, or ask for fewer queues or a smaller depth",
     .source = "ublk_init_queues, blk_mq_alloc_tag_set"},
    {.id = "ADD-19",
     .about = add,
     .what = effect::silently,
     .breaks =
         [](auto& k, auto& c) {
             return c.info.is([&](info i) { return i->nr_hw_queues > k.cpu_ids; });
         },
     .means = "There are no more queues than possible CPUs: nr_hw_queues is cut",
     .mend = "read nr_hw_queues back, and fetch exactly that many queues",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-19",
     .about = add,
     .what = effect::silently,
     .breaks =
         [](auto& k, auto& c) {
             return c.info.is([&](info i) { return i->max_io_buf_bytes % k.page_bytes != 0; });
         },
     .means = "max_io_buf_bytes is rounded down to a multiple of a page; less than a page is 0, "
              "and then SET_PARAMS refuses everything",
     .mend = "set max_io_buf_bytes to a multiple of 4096",
     .source = "ublk_align_max_io_size"},
    {.id = "ADD-19",
     .about = add,
     .what = effect::silently,
     .breaks =
         [](auto& k, auto& c) {
             return c.info.is([&](info i) { return (i->flags & ~k.features()) != 0; });
         },
     .means = "Flags that this kernel does not know, or can't grant, are dropped",
     .mend = "ask GET_FEATURES before, and read dev_info.flags back",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-19",
     .about = add,
     .kernels = {.until = {7, 2, 0}, .also_until = state_backports},
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return c.info.is([](info i) { return i->state != 0; }); },
     .means = "The caller's dev_info.state is kept, so that a later START_DEV may answer EEXIST",
     .mend = "set dev_info.state to 0",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-20",
     .about = add,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_writable); },
     .means = "The answer can't be written over the dev_info; the device is gone again",
     .mend = "let addr point to writable memory",
     .source = "ublk_ctrl_add_dev"},
    {.id = "ADD-21",
     .about = add,
     .breaks = [](auto&, auto& c) { return c.node_error != 0; },
     .error_of = [](auto& c) { return c.node_error.value(); },
     .means = "The character device can't be made",
     .mend = "see the kernel's log",
     .source = "ublk_add_chdev"},
};

}  // namespace

std::span<const row> add_rows() { return rows; }

}  // namespace ashlar::rules
