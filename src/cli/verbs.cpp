// SPDX-License-Identifier: MIT
// The table of verbs, and the options that they share.
#include "cli/verbs.hpp"

#include <algorithm>
#include <array>

namespace ashlar::cli {

namespace {

constexpr option json_option = {
    .name = "json", .kind = value_kind::flag, .help = "print JSON, for programs"};

// Of every verb that makes a device.
constexpr option device_options[] = {
    {.name = "queues",
     .kind = value_kind::number,
     .argument = "N",
     .help = "hardware queues, each with a thread; no more than CPUs",
     .otherwise = "1",
     .low = 1,
     .high = 4096},
    {.name = "depth",
     .kind = value_kind::number,
     .argument = "N",
     .help = "requests that a queue holds",
     .otherwise = "128",
     .low = 1,
     .high = 4096},
    {.name = "block-size",
     .kind = value_kind::size,
     .argument = "BYTES",
     .help = "logical block: 512, 1024, 2048 or 4096",
     .otherwise = "512"},
    {.name = "max-io",
     .kind = value_kind::size,
     .argument = "SIZE",
     .help = "largest request, 4K to 32M",
     .otherwise = "512K"},
    {.name = "read-only", .kind = value_kind::flag, .help = "refuse writes"},
    {.name = "id",
     .kind = value_kind::number,
     .argument = "N",
     .help = "the N of /dev/ublkbN",
     .otherwise = "the lowest free one",
     .low = 0,
     .high = (1 << 20) - 1},
    {.name = "name",
     .kind = value_kind::word,
     .argument = "NAME",
     .help = "a link /dev/ashlar/NAME, by udev's rules; a name for list, show and del"},
    {.name = "no-lock",
     .kind = value_kind::flag,
     .help = "leave the server's memory open to swapping"},
};

template <std::size_t N, std::size_t M>
constexpr std::array<option, N + M> joined(const option (&a)[N], const option (&b)[M]) {
    std::array<option, N + M> all{};
    std::ranges::copy(b, std::ranges::copy(a, all.begin()).out);
    return all;
}

constexpr option steps_option[] = {
    {.name = "steps",
     .kind = value_kind::flag,
     .help = "tell the eight steps of the device's start as they happen"},
};
constexpr option show_options[] = {json_option};
constexpr auto run_options = joined(device_options, steps_option);
constexpr auto add_options = joined(device_options, show_options);
constexpr option del_options[] = {
    {.name = "all", .kind = value_kind::flag, .help = "every ublk device of this machine"},
    {.name = "force",
     .kind = value_kind::flag,
     .help = "also if the disk is in use: what uses it gets I/O errors"},
};

constexpr verb verbs[] = {
    {.name = "run",
     .usage = "TARGET [SIZE] [OPTION]...",
     .summary = "make a device and serve it in the foreground",
     .details =
         "Makes the device, prints its path on standard output, and serves it until Ctrl-C "
         "(SIGINT), SIGTERM or SIGHUP, which remove it. A device in use is not torn out: the "
         "signal says who holds it, and the device goes as soon as it is free; a second "
         "signal removes it at once.",
     .takes = operands::target,
     .options = run_options,
     .run = &run_run},
    {.name = "add",
     .usage = "TARGET [SIZE] [OPTION]...",
     .summary = "make a device and leave a server behind",
     .details =
         "Returns when the device can be used, and prints its path on standard output. Errors "
         "of the server's start are printed here. What the server has to say later is in "
         "/run/ashlar/N.log, which ashlar show names.",
     .takes = operands::target,
     .options = add_options,
     .run = &run_add},
    {.name = "list",
     .usage = "[OPTION]...",
     .summary = "list the ublk devices of this machine",
     .details = "Lists all of them, also those of other servers. State: live; dead, its server is "
                "gone and only del is left to do; starting; quiesced or fail-io, waiting for a new "
                "server.",
     .takes = operands::none,
     .options = show_options,
     .run = &run_list},
    {.name = "show",
     .usage = "DEVICE [OPTION]...",
     .summary = "tell all about one device",
     .details = "DEVICE is a number, a path or a name. Shows what the kernel knows, the server's "
                "counters, and who uses the disk. Enters are the server's calls into the kernel; "
                "turns are those that brought requests or answers, many at once under load.",
     .takes = operands::one_device,
     .options = show_options,
     .run = &run_show},
    {.name = "del",
     .usage = "DEVICE... | --all [OPTION]...",
     .summary = "remove devices",
     .details =
         "DEVICE is a number, a path or a name. Works for live devices, for those whose server "
         "died, and for those of other servers. A disk in use stays, and the error says who "
         "uses it.",
     .takes = operands::devices,
     .options = del_options,
     .run = &run_del},
    {.name = "features",
     .usage = "[OPTION]...",
     .summary = "tell what this kernel's driver can do",
     .details =
         "One line for each feature of the ublk driver up to Linux 7.3: whether this kernel has "
         "it, the first kernel that has, and what it gives.",
     .takes = operands::none,
     .options = show_options,
     .run = &run_features},
    {.name = "help",
     .usage = "",
     .summary = "print this help",
     .details = "",
     .takes = operands::none,
     .run = &run_help},
    {.name = "version",
     .usage = "",
     .summary = "print the version",
     .details = "",
     .takes = operands::none,
     .run = &run_version},
    {.name = "udev-info",
     .usage = "DISK",
     .summary = "for udev's rules: what is known of a disk",
     .details = "",
     .takes = operands::one_word,
     .run = &run_udev_info,
     .hidden = true},
    {.name = "generate",
     .usage = "man | bash | zsh | fish",
     .summary = "print the man page or a shell's completions",
     .details = "",
     .takes = operands::one_word,
     .run = &run_generate,
     .hidden = true},
};

}  // namespace

std::span<const verb> all_verbs() { return verbs; }

}  // namespace ashlar::cli
