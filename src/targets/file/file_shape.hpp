// SPDX-License-Identifier: MIT
// What the kernel tells of an open file or block device: how large, in which blocks, on what it
// lies, and what direct I/O wants.
#pragma once

#include <ashlar/target.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ashlar::targets {

struct file_shape {
    std::uint64_t bytes = 0;
    bool block_device = false;
    bool in_memory = false;  // a file of tmpfs or ramfs
    bool can_punch = false;  // can give back part of its space
    std::string disk = {};   // it is, or lies on, this whole disk: "sda"; empty: not known
    // Of direct I/O, in bytes; 0: there is none. Nothing: the file system does not say.
    std::optional<std::uint32_t> direct_align = {};
    std::uint32_t direct_memory_align = 512;
    ashlar::geometry geometry = {};  // logical_block: 0 for files, which have none
};

// fd is of a regular file or a block device. With `probe_holes` it is asked for a hole behind its
// end, which is none.
result<file_shape> shape_of(int fd, const std::string& name, bool probe_holes);
result<std::uint64_t> bytes_of(int fd, const std::string& name);

// Whether reads of `block` bytes at `at` work with O_DIRECT, which fd has.
bool direct_read_works(int fd, std::uint64_t at, std::uint32_t block);

}  // namespace ashlar::targets
