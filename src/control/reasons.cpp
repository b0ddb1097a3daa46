// SPDX-License-Identifier: MIT
#include "control/reasons.hpp"

#include "uapi/print.hpp"

#include <fmt/format.h>

#include <cerrno>

namespace ashlar::control {

namespace {

struct reason {
    uapi::ctrl_op op;
    int code;
    const char* why;
    const char* remedy;
};

using enum uapi::ctrl_op;

// KERNEL.md's rules, the likeliest one of each errno.
constexpr reason reasons[] = {
    {add_dev, EEXIST, "this id is taken, or its old device is still held by somebody",
     "see ashlar list; leave out --id to get the lowest free one"},
    {add_dev, EPERM, "making a device needs CAP_SYS_ADMIN", "run as root, or with sudo"},
    {add_dev, EACCES, "the driver's limit of devices is reached (its parameter ublks_max)",
     "raise it: echo 1024 > /sys/module/ublk_drv/parameters/ublks_max"},
    {add_dev, ENOMEM, "the kernel has no memory for so many queues and tags",
     "use fewer queues or a smaller depth"},
    {add_dev, ENOSPC, "no device id is left", "remove devices: ashlar list, ashlar del"},
    {add_dev, EINVAL, "the kernel refuses the combination of queues, depth and flags",
     "queues and depth are 1 to 4096 each; see the kernel's log (dmesg)"},
    {set_params, EINVAL, "the kernel refuses the device's parameters",
     "blocks are powers of two from 512 to a page; the largest request is a page or more"},
    {set_params, EACCES, "the disk exists already, or is still open somewhere",
     "parameters are set before a device is started"},
    {start_dev, EINVAL, "the kernel refuses to start the device",
     "it must be started by the process that opened ublkcN, or the block layer refused its limits; "
     "see the kernel's log (dmesg)"},
    {start_dev, EEXIST, "the device has been started already", "see ashlar list"},
    {start_dev, EBUSY, "the device is being stopped", "remove it and make a new one"},
    {try_stop_dev, EBUSY, "the disk is in use", "unmount it, or close what has it open"},
    {start_user_recovery, EBUSY, "the old server still has the device open",
     "wait until it has ended; see ashlar show"},
    {update_size, ENODEV, "the device is not live", "see ashlar show"},
};

}  // namespace

error explain_open(error failed, os::machine& m) {
    failed.operation = "open the ublk driver";
    if (failed.code == ENOENT || failed.code == ENXIO || failed.code == ENODEV) {
        failed.why =
            fmt::format("the driver ublk_drv is not loaded in this kernel ({})", m.version().text);
        failed.remedy = m.version().older_than(6, 4)
                            ? "modprobe ublk_drv; Debian 12's own 6.1 kernel has no ublk: "
                              "apt install linux-image-6.12-amd64 and reboot"
                            : "modprobe ublk_drv; if it is not found, install the kernel's package "
                              "of extra modules, or a kernel with CONFIG_BLK_DEV_UBLK";
    } else if (failed.code == EACCES || failed.code == EPERM) {
        failed.why = "block devices are made by root";
        failed.remedy = "run it as root, or with sudo";
    }
    return failed;
}

error explain_command(uapi::ctrl_op op, std::uint32_t id, int code, os::machine& m) {
    error e{.operation = std::string(uapi::name(op)), .code = code};
    if (op != get_features) {
        e.object = id == uapi::device_id_auto ? "new device" : fmt::format("device {}", id);
    }
    if (code == ETIMEDOUT) {
        e.why = op == start_dev
                    ? "the kernel did not answer in time: not all requests were fetched, "
                      "or the first reads of the disk are not answered"
                    : "the kernel did not answer in time: somebody holds the device, or its "
                      "server does not answer requests";
        e.remedy = "see ashlar show and the kernel's log (dmesg)";
        return e;
    }
    for (const reason& r : reasons) {
        if (r.op != op || r.code != code) continue;
        e.why = r.why;
        e.remedy = r.remedy;
        return e;
    }
    if (code == ENODEV) {
        e.why = "there is no such ublk device";
        e.remedy = "see ashlar list";
    } else if (code == EPERM || code == EACCES) {
        e.why = "control of ublk devices needs CAP_SYS_ADMIN";
        e.remedy = "run as root, or with sudo";
    } else if (code == EOPNOTSUPP) {
        e.why = fmt::format("this kernel ({}) does not know the command", m.version().text);
        e.remedy = "see ashlar features";
    }
    return e;
}

}  // namespace ashlar::control
