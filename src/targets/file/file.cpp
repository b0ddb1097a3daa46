// SPDX-License-Identifier: MIT
#include "targets/file/file.hpp"

#include "targets/file/open_file.hpp"

#include <algorithm>

namespace ashlar::targets {

namespace {

constexpr option file_options[] = {
    {.name = "path",
     .kind = value_kind::word,
     .argument = "FILE",
     .help = "the file or block device that holds the disk",
     .first_word = true},
    {.name = "offset",
     .kind = value_kind::size,
     .argument = "BYTES",
     .help = "where in the file the disk begins",
     .otherwise = "0"},
    {.name = "size",
     .kind = value_kind::size,
     .argument = "SIZE",
     .help = "size of the disk",
     .otherwise = "all behind the offset"},
    {.name = "create", .help = "make the file, sparse, of offset and size, where there is none"},
    {.name = "direct",
     .kind = value_kind::choice,
     .argument = "WHEN",
     .help = "go past the page cache: where the file can do so in the disk's blocks, or say so",
     .choices = "auto|on|off",
     .otherwise = "auto"},
    {.name = "locking",
     .kind = value_kind::choice,
     .argument = "HOW",
     .help = "keep others from writing to the file, as qemu does",
     .choices = "on|off",
     .otherwise = "on"},
    {.name = "no-discard", .help = "keep what is discarded allocated in the file"},
};

result<target> make_file(const option_values& values) {
    file_request wanted;
    wanted.path = values.text("path");
    if (wanted.path.empty()) {
        return failure({.operation = "file",
                        .why = "there is no file without a name",
                        .remedy = "ashlar add file disk.img",
                        .usage = true});
    }
    auto offset = values.size("offset", 0);
    auto size = values.size("size", 0);
    auto block = values.size("block-size", 0);
    auto queues = values.number("queues", 1, 1, 4096);
    auto id = values.number("id", 0, 0, ~0U);
    if (!offset) return failure(std::move(offset).error());
    if (!size) return failure(std::move(size).error());
    if (!block) return failure(std::move(block).error());
    if (!queues) return failure(std::move(queues).error());
    if (!id) return failure(std::move(id).error());
    wanted.offset = *offset;
    if (values.has("size")) wanted.size = *size;
    auto device_size = values.size("device-size", 0);
    if (!device_size) return failure(std::move(device_size).error());
    if (values.has("device-size")) wanted.device_size = *device_size;
    // What no block is, is refused in words when the device is made.
    const bool is_block = *block == 512 || *block == 1024 || *block == 2048 || *block == 4096;
    wanted.block_size = is_block ? static_cast<std::uint32_t>(*block) : 0;
    wanted.queues = static_cast<unsigned>(*queues);
    if (values.has("id")) wanted.id = static_cast<std::uint32_t>(*id);
    const std::string direct = values.text("direct", "auto");
    wanted.direct = direct == "on"    ? direct_io::on
                    : direct == "off" ? direct_io::off
                                      : direct_io::automatic;
    auto predecessor = values.number("predecessor", 0, 0, 1U << 30);
    if (!predecessor) return failure(std::move(predecessor).error());
    wanted.predecessor = static_cast<int>(*predecessor);
    wanted.create = values.has("create");
    wanted.read_only = values.has("read-only");
    wanted.locking = values.text("locking", "on") == "on";
    wanted.discard = !values.has("no-discard");
    auto opened = open_file(wanted);
    if (!opened) return failure(std::move(opened).error());
    return disk_of(std::move(*opened));
}

}  // namespace

constinit const target_kind file_kind = {
    .name = "file",
    .summary = "a file or block device as a disk",
    .options = file_options,
    .make = &make_file,
};

}  // namespace ashlar::targets
