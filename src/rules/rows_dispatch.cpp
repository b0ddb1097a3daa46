// SPDX-License-Identifier: MIT
// What the driver looks at before a control command's own rules: the number, the device, and the
// right to use it.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject control[] = {
    unknown_control,    get_features,        add_dev,
    set_params,         get_params,          start_dev,
    stop_dev,           try_stop_dev,        del_dev,
    del_dev_async,      get_dev_info,        get_dev_info2,
    get_queue_affinity, start_user_recovery, end_user_recovery,
    update_size,        quiesce_dev,         reg_buf,
    unreg_buf,
};
// GET_FEATURES only if its number is not exactly the encoded one.
constexpr subject of_device[] = {
    unknown_control,     get_features,      set_params,
    get_params,          start_dev,         stop_dev,
    try_stop_dev,        del_dev,           del_dev_async,
    get_dev_info,        get_dev_info2,     get_queue_affinity,
    start_user_recovery, end_user_recovery, update_size,
    quiesce_dev,         reg_buf,           unreg_buf,
};
constexpr subject only_features[] = {get_features};
constexpr subject only_add[] = {add_dev};
constexpr subject only_unknown[] = {unknown_control};
constexpr subject only_async[] = {del_dev_async};
// What came with a kernel, for those before it.
constexpr subject from_6_1[] = {start_user_recovery, end_user_recovery};
constexpr subject from_6_3[] = {get_dev_info2};
constexpr subject from_6_5[] = {get_features};
constexpr subject from_6_9[] = {del_dev_async};
constexpr subject from_6_16[] = {update_size, quiesce_dev};
constexpr subject from_7_0[] = {try_stop_dev};
constexpr subject from_7_1[] = {reg_buf, unreg_buf};

// A command that found its way as GET_FEATURES does not come to the device.
maybe asks_features(const call& c) { return exactly(c, uapi::ctrl_op::get_features); }

maybe unknown_class(const kernel&, const call& c) { return path_step(c) && !asks_features(c); }
maybe not_features(const kernel&, const call& c) { return !asks_features(c); }

constexpr std::string_view class_means =
    "On a device without privileges each command needs a path and a kind of access, and the driver "
    "has none for this one";
constexpr std::string_view unknown_means = "This kernel's driver does not know the command";
constexpr std::string_view unknown_mend =
    "ask GET_FEATURES what the driver can do, and send only commands that came with it";

constexpr row unknown_to(std::span<const subject> about, range kernels) {
    return {.id = "D-7",
            .about = about,
            .kernels = kernels,
            .error = EOPNOTSUPP,
            .breaks = &always,
            .means = unknown_means,
            .mend = unknown_mend,
            .source = "ublk_ctrl_uring_cmd"};
}
constexpr row classless(std::span<const subject> about, range kernels) {
    return {.id = "P-6",
            .about = about,
            .kernels = kernels,
            .error = EINVAL,
            .breaks = &unknown_class,
            .means = class_means,
            .mend = unknown_mend,
            .source = "ublk_ctrl_uring_cmd_permission"};
}

constexpr row rows[] = {
    {.id = "D-1",
     .about = control,
     .what = effect::silently,
     .means = "A command that may sleep is handed to a worker of io_uring first, and goes on there",
     .mend = "nothing; the caller never sees it",
     .source = "ublk_ctrl_uring_cmd"},
    {.id = "D-2",
     .about = control,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.wide_entry); },
     .means = "A control command has 32 bytes from byte 48 on, for which an entry of 64 bytes has "
              "no room",
     .mend = "make the ring with IORING_SETUP_SQE128",
     .source = "ublk_ctrl_uring_cmd"},
    {.id = "P-1",
     .about = control,
     .kernels = until(6, 3),
     .error = EPERM,
     .breaks = [](auto&, auto& c) { return !holds(c.admin); },
     .means = "This kernel takes control commands only from a caller with CAP_SYS_ADMIN",
     .mend = "run as root, or with CAP_SYS_ADMIN in the initial user namespace",
     .source = "ublk_ctrl_uring_cmd"},
    {.id = "D-3",
     .about = control,
     .kernels = since(6, 4),
     .error = EOPNOTSUPP,
     .breaks = [](auto& k, auto& c) { return bad_type(k, c); },
     .means = "The type byte of sqe->cmd_op is not 'u' (0x75), nor 0 on a kernel that still takes "
              "bare numbers (CONFIG_BLKDEV_UBLK_LEGACY_OPCODES)",
     .mend = "send the encoded number, UBLK_U_CMD_… (ADD_DEV is 0xc0207504)",
     .source = "ublk_check_cmd_op"},
    {.id = "D-4",
     .about = only_features,
     .kernels = since(6, 5),
     .what = effect::silently,
     .means = "GET_FEATURES is answered before a device is looked up: dev_id does not matter, and "
              "nobody's rights are looked at",
     .mend = "nothing",
     .source = "ublk_ctrl_uring_cmd"},
    {.id = "D-5",
     .about = of_device,
     .error = ENODEV,
     .breaks =
         [](auto& k, auto& c) {
             const maybe features = k.at_least(6, 5) && asks_features(c);
             return !features && !holds(c.device_exists);
         },
     .means = "There is no device with the id in ublksrv_ctrl_cmd.dev_id, or it is being deleted",
     .mend = "use the id that ADD_DEV wrote into dev_info.dev_id (0xffffffff is a wish, not an id)",
     .source = "ublk_get_device_from_id"},
    {.id = "D-5",
     .about = only_add,
     .kernels = until(6, 4),
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return c.command_number > 0xff && !holds(c.device_exists); },
     .means = "This kernel knows bare numbers only; it takes an encoded ADD_DEV for a command to "
              "a device, and there is none with this id",
     .mend = "send the bare number, 0x04, before Linux 6.4",
     .source = "ublk_ctrl_uring_cmd"},
    {.id = "P-1",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EPERM,
     .breaks =
         [](auto&, auto& c) {
             return !asks_features(c) && !has(c.flags, uapi::f_unprivileged_dev) && !holds(c.admin);
         },
     .means = "The device was made with privileges, and the caller has no CAP_SYS_ADMIN",
     .mend = "run as root, or with CAP_SYS_ADMIN in the initial user namespace",
     .source = "ublk_ctrl_uring_cmd_permission"},
    {.id = "P-3",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return path_step(c) && !asks_features(c) &&
                    (c.path_length == 0 || c.path_length > uapi::dev_path_bytes_max);
         },
     .means = "The path of /dev/ublkcN must lie before the payload, and dev_path_len is 0 or more "
              "than 4096",
     .mend = "put the path at addr, its length into dev_path_len, and count it in len",
     .source = "ublk_ctrl_uring_cmd_permission"},
    {.id = "P-4",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return path_step(c) && !asks_features(c) &&
                    both(c.length, c.path_length, [](auto all, auto path) { return all < path; });
         },
     .means = "len counts path and payload together, and it is less than dev_path_len",
     .mend = "set len to dev_path_len plus the bytes of the payload",
     .source = "ublk_ctrl_uring_cmd_permission"},
    {.id = "P-5",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EFAULT,
     .breaks = [](auto&,
                  auto& c) { return path_step(c) && !asks_features(c) && !holds(c.path_readable); },
     .means = "The path can't be read at addr",
     .mend = "let addr point to the path's first byte, in memory that stays until the completion",
     .source = "ublk_ctrl_uring_cmd_permission"},
    {.id = "P-5",
     .about = of_device,
     .kernels = since(6, 3),
     .error = ENOMEM,
     .means = "The kernel has no memory for the path",
     .mend = "free memory, and try again",
     .source = "ublk_ctrl_uring_cmd_permission"},
    classless(only_unknown, since(6, 3)),
    classless(from_6_5, since(6, 3)),
    {.id = "P-6",
     .about = only_async,
     .kernels = since(6, 3),
     .error = EINVAL,
     .breaks = &unknown_class,
     .means = class_means,
     .mend = "use DEL_DEV for a device without privileges, also as root",
     .source = "ublk_ctrl_uring_cmd_permission"},
    classless(from_6_16, between({6, 3}, {6, 16})),
    classless(from_7_0, between({6, 3}, {7, 0})),
    classless(from_7_1, between({6, 3}, {7, 1})),
    {.id = "P-7",
     .about = of_device,
     .kernels = since(6, 3),
     .breaks = [](auto&,
                  auto& c) { return path_step(c) && !asks_features(c) && c.path_error != 0; },
     .error_of = [](auto& c) { return c.path_error.value(); },
     .means = "The path before the payload can't be followed; the errno is that of opening it",
     .mend = "send the path of the device's own node, /dev/ublkcN, as this process sees it",
     .source = "ublk_char_dev_permission"},
    {.id = "P-8",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EPERM,
     .breaks =
         [](auto&, auto& c) {
             return path_step(c) && !asks_features(c) && !holds(c.path_is_device);
         },
     .means = "The path names something else than the character device of dev_id",
     .mend =
         "send the path of /dev/ublkcN with N = dev_id; mind bytes after the path in dev_path_len",
     .source = "ublk_char_dev_permission"},
    {.id = "P-9",
     .about = of_device,
     .kernels = since(6, 3),
     .error = EACCES,
     .breaks =
         [](auto&, auto& c) {
             return path_step(c) && !asks_features(c) && !holds(c.path_permitted);
         },
     .means = "The node's mode gives the caller no right to read it (or, for commands that change "
              "the device, to read and write it)",
     .mend = "give the caller the node: its owner or mode, by a rule of udev",
     .source = "ublk_char_dev_permission"},
    {.id = "D-7",
     .about = control,
     .kernels = until(6, 4),
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return c.command_number > 0xff; },
     .means = "This kernel knows bare numbers only, and the number is encoded",
     .mend = "send the bare number (ADD_DEV is 0x04) before Linux 6.4",
     .source = "ublk_ctrl_uring_cmd"},
    unknown_to(only_unknown, {}),
    unknown_to(from_6_1, until(6, 1)),
    unknown_to(from_6_3, until(6, 3)),
    unknown_to(from_6_5, until(6, 5)),
    {.id = "D-7",
     .about = only_features,
     .kernels = since(6, 5),
     .error = EOPNOTSUPP,
     .breaks = &not_features,
     .means = "GET_FEATURES is known by its exact encoded number only, and this is another",
     .mend = "send 0x80207513",
     .source = "ublk_ctrl_uring_cmd"},
    unknown_to(from_6_9, until(6, 9)),
    unknown_to(from_6_16, until(6, 16)),
    unknown_to(from_7_0, until(7, 0)),
    unknown_to(from_7_1, until(7, 1)),
};

}  // namespace

std::span<const row> dispatch_rows() { return rows; }

}  // namespace ashlar::rules
