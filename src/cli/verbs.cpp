// SPDX-License-Identifier: MIT
// The table of verbs.
#include "cli/verbs.hpp"

#include "cli/verb_options.hpp"

namespace ashlar::cli {

namespace {

constexpr verb verbs[] = {
    {.name = "run",
     .usage = "TARGET [SIZE|FILE] [OPTION]...",
     .summary = "make a device and serve it in the foreground",
     .details =
         "Makes the device, prints its path on standard output, and serves it until Ctrl-C "
         "(SIGINT), SIGTERM or SIGHUP, which remove it. A disk in use is not torn out: a message "
         "says who uses it, and the device goes as soon as the disk is free. A second signal "
         "removes it at once. With --kernel twin:VERSION the disk is made on a Linux in memory, "
         "written and read for a while by ashlar itself, and what came of it is told.",
     .takes = operands::target,
     .options = run_options,
     .run = &run_run},
    {.name = "add",
     .usage = "TARGET [SIZE|FILE] [OPTION]...",
     .summary = "make a device and leave a server behind",
     .details =
         "Makes the device, prints its path on standard output, and returns when the disk can be "
         "used; a server goes on in the background. If it can't start, the error is printed here "
         "and nothing is left behind. What the server has to say later is in /run/ashlar/N.log. "
         "It gives up all of root's rights that can be taken from it; a process \"ashlar broker\" "
         "sends its commands to the driver. See show for what is in force.",
     .takes = operands::target,
     .options = add_options,
     .run = &run_add},
    {.name = "apply",
     .usage = "[FILE] [OPTION]...",
     .summary = "make the devices that a file names",
     .details =
         "FILE is in TOML, /etc/ashlar/devices.toml if it is left out; see FILE OF DEVICES. Makes "
         "devices that are missing, serves those again that wait for a server, makes those anew "
         "that have ended, and leaves the others as they are. Prints a line for each: its node, "
         "its name and what was done. A device that the file wants otherwise than it is is left "
         "alone, which is an error, without --replace. One whose size has grown in the file grows, "
         "where the kernel can (Linux 6.16). A disk in use is never removed.",
     .takes = operands::words,
     .options = apply_options,
     .run = &run_apply},
    {.name = "serve",
     .usage = "[FILE] [OPTION]...",
     .summary = "do the same as a service, and look after the devices",
     .details =
         "FILE is that of apply. Makes the devices as apply does, says so to the service manager, "
         "and stays: it looks every five seconds whether they are served. SIGHUP has it read the "
         "file again, with --prune. SIGTERM and SIGINT remove the devices and end it; a disk in "
         "use stays with its server, which is an error, and a later serve finds it again.\n\n"
         "With --one-process this process is the server of all devices, for machines with "
         "hundreds; `supervise` has no meaning there. Devices whose mode of recovery lets them "
         "wait are taken back when it is started again after a crash. A disk in use keeps it from "
         "ending until it is free, or until a second signal. It keeps rights that a server of one "
         "device gives up, as it may have to make others: see SERVERS WITHOUT RIGHTS.",
     .takes = operands::words,
     .options = serve_options,
     .run = &run_serve},
    {.name = "list",
     .usage = "[OPTION]...",
     .summary = "list the ublk devices of this machine",
     .details =
         "Lists all ublk devices of this machine, also those of other servers than ashlar's; "
         "nothing if there are none. A device is live; or starting; or dead, if its server is "
         "gone: then only del is left to do; or quiesced or fail-io, if it waits for a new server.",
     .takes = operands::none,
     .options = show_options,
     .run = &run_list},
    {.name = "show",
     .usage = "DEVICE [OPTION]...",
     .summary = "tell all about one device",
     .details = "DEVICE is a number, a path or a name. Shows what the kernel knows of it, the "
                "server's counters, and who uses the disk. Enters are the server's calls into the "
                "kernel; turns are those that brought requests or answers, many at once under "
                "load.",
     .takes = operands::one_device,
     .options = show_options,
     .run = &run_show},
    {.name = "stats",
     .usage = "DEVICE [OPTION]...",
     .summary = "tell what a device's server has done, queue by queue",
     .details =
         "DEVICE is a number, a path or a name. Requests and bytes since the server began; turns "
         "(wake-ups that brought something), calls into the kernel (enters) and completions for "
         "each of them; bytes that were copied, and by which lane; requests that are not answered, "
         "and since when the oldest is not; and how long the server had requests in its hands, "
         "as percentiles. With --json also the histogram itself, whose buckets can be added up, "
         "and with --watch --json one document a line.",
     .takes = operands::one_device,
     .options = stats_options,
     .run = &run_stats},
    {.name = "del",
     .usage = "DEVICE... | --all | --dead [OPTION]...",
     .summary = "remove devices",
     .details =
         "DEVICE is a number, a path or a name. Removes live devices, those whose server died, "
         "and those of other servers than ashlar's. A disk in use stays, and the error says who "
         "uses it. Where the kernel does not answer in time, the error says whom it waits for, and "
         "this ends all the same.",
     .takes = operands::devices,
     .options = del_options,
     .run = &run_del},
    {.name = "recover",
     .usage = "DEVICE... | --all [OPTION]...",
     .summary = "serve devices again whose server has died",
     .details =
         "DEVICE is a number, a path or a name. Starts a new server for a device that waits for "
         "one, from what its record in /run/ashlar says: the target, its options, and whether a "
         "keeper watches over it. A keeper that has given up tries again; one that has died is "
         "replaced, and the server goes on meanwhile. A RAM disk comes back as long as its keeper "
         "or its server lives. What can't be recovered stays as it is.",
     .takes = operands::devices,
     .options = recover_options,
     .run = &run_recover},
    {.name = "upgrade",
     .usage = "DEVICE... | --all [OPTION]...",
     .summary = "let this program take over running devices",
     .details =
         "DEVICE is a number, a path or a name. Starts a server of the program that is called, "
         "with what the device's record says, and has the running one hand the device over: it "
         "answers what it has and lets go, and the new one goes on, with the same memory of a RAM "
         "disk. Whoever uses the disk sees a pause, which is printed, and no error. Before Linux "
         "6.16 the mode of recovery must be reissue. If the new server can't start or take over, "
         "the old one goes on.",
     .takes = operands::devices,
     .options = upgrade_options,
     .run = &run_upgrade},
    {.name = "resize",
     .usage = "DEVICE [[+|-]SIZE] [OPTION]...",
     .summary = "give a device another size while it is in use",
     .details =
         "DEVICE is a number, a path or a name. SIZE is the new size, or with + or - in front what "
         "is added or taken away; without it a file or device beneath is looked at again, and the "
         "disk gets the size that this has now (or the one that --size has given). The server does "
         "it, requests wait for a moment, and what is on the disk has to be told, as by resize2fs. "
         "Making a disk smaller needs --shrink: a file system is to be shrunk first, and requests "
         "behind the new end fail. Needs Linux 6.16. After a crash or an upgrade the disk has the "
         "size that it had.",
     .takes = operands::device_and_size,
     .options = resize_options,
     .run = &run_resize},
    {.name = "features",
     .usage = "[OPTION]...",
     .summary = "tell what this kernel's driver can do",
     .details =
         "Prints a line for each feature of the ublk driver up to Linux 7.3: whether this kernel "
         "has it, the first kernel that has, and what it gives.",
     .takes = operands::none,
     .options = features_options,
     .run = &run_features},
    {.name = "doctor",
     .usage = "[OPTION]...",
     .summary = "look at the machine, and prove that a device can be served",
     .details =
         "Looks at the machine from top to bottom: the kernel, its driver and that one's known "
         "bugs; rights, limits and name spaces; every ublk device with its server. Then makes a "
         "small device, reads it and removes it, step by step, waiting at most half a minute for "
         "each. Ends with exit code 0 only if a device can be served.\n\n"
         "With --fix it loads the driver, makes the directory for run-time data, and removes dead "
         "devices of ashlar of which nobody holds anything; it shows what it will do, and asks.",
     .takes = operands::none,
     .options = doctor_options,
     .run = &run_doctor},
    {.name = "why",
     .usage = "DEVICE | PID [OPTION]...",
     .summary = "tell what a stuck device or process waits for",
     .details =
         "DEVICE is a number, a path or a name; a number of which there is no device is that of a "
         "process. Tells which requests a START_DEV still wants to be fetched, who keeps a DEL_DEV "
         "waiting, and in whose hands the requests of a disk are. It looks at /proc and /sys and "
         "does not wait for what it looks at.",
     .takes = operands::one_device,
     .options = why_options,
     .run = &run_why},
    {.name = "explain",
     .usage = "[WORD]... [OPTION]...",
     .summary = "tell why a ublk call failed, from its bytes, a trace or a report",
     .details =
         "Each WORD is a file, or bytes in hex in any common form; without one, standard input is "
         "read. Recognises submission entries, control headers, device infos, parameters, I/O "
         "commands and descriptors, output of strace, kernel logs, and bug reports in plain words; "
         "takes them apart, and names the rules of the kernel's driver that were broken, the most "
         "likely first, and what to look at where it is not certain. In a log of entries (in hex, "
         "with what they point to) and completions (user_data=N res=N) each call is judged by what "
         "those before it tell. A number (0xc0207504), or a "
         "kind and a number (flags 0x4a, state 2, opcode 50), is explained by itself. So is a "
         "command and its errno: errno START_DEV EINVAL, with --when if it is known. Needs no root "
         "and no ublk. Ends with exit code 1 if it can't tell.",
     .takes = operands::words,
     .options = explain_options,
     .run = &run_explain},
    {.name = "help",
     .usage = "[VERB]",
     .summary = "print this help, or that of a verb",
     .details = "Prints the verbs and the targets; for a VERB, what ashlar VERB --help prints.",
     .takes = operands::none,
     .run = &run_help},
    {.name = "version",
     .usage = "",
     .summary = "print the version",
     .details = "Prints the version of ashlar.",
     .takes = operands::none,
     .run = &run_version},
    {.name = "udev-info",
     .usage = "DISK",
     .summary = "tell udev's rules what is known of a disk",
     .details = "Prints lines of KEY=VALUE. Ends with exit code 1 for a disk that is not ashlar's.",
     .takes = operands::one_word,
     .run = &run_udev_info,
     .hidden = true},
    {.name = "generate",
     .usage = "man | bash | zsh | fish | rules | devices | troubleshooting",
     .summary = "print the man page, a shell's completions, the driver's rules, or devices",
     .details = "For the build and for the completions. With devices, prints a line for each "
                "number and each name of a device, with a description behind a tab.",
     .takes = operands::one_word,
     .run = &run_generate,
     .hidden = true},
};

}  // namespace

std::span<const verb> all_verbs() { return verbs; }

}  // namespace ashlar::cli
