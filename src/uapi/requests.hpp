// SPDX-License-Identifier: MIT
// What passes over /dev/ublkcN: request descriptors, the payloads of the I/O commands, their
// results, and the two address computations a server needs (the mapping of the descriptors and
// the file positions of user copy).
//
// The descriptors of queue q are mapped read-only at offset q * descriptor_stride(...), with a
// length of exactly descriptor_map_bytes(...). A wrong stride is not refused: it shows queue 0.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ashlar::uapi {

inline constexpr std::uint32_t sector_bytes = 512;

// io_desc::op_flags, bits 0 to 7. WRITE_SAME has a number and is never sent.
enum class op : std::uint8_t {
    read = 0,
    write = 1,
    flush = 2,
    discard = 3,
    write_same = 4,
    write_zeroes = 5,
    zone_open = 10,
    zone_close = 11,
    zone_finish = 12,
    zone_append = 13,
    zone_reset_all = 14,
    zone_reset = 15,
    report_zones = 18,
};

constexpr op op_of(std::uint32_t op_flags) noexcept { return static_cast<op>(op_flags & 0xffu); }

// io_desc::op_flags, bits 8 to 31, in place (not shifted down).
inline constexpr std::uint32_t io_f_failfast_dev = 1u << 8;
inline constexpr std::uint32_t io_f_failfast_transport = 1u << 9;
inline constexpr std::uint32_t io_f_failfast_driver = 1u << 10;
inline constexpr std::uint32_t io_f_meta = 1u << 11;
inline constexpr std::uint32_t io_f_fua = 1u << 13;
inline constexpr std::uint32_t io_f_nounmap = 1u << 15;
inline constexpr std::uint32_t io_f_swap = 1u << 16;
inline constexpr std::uint32_t io_f_need_reg_buf = 1u << 17;
inline constexpr std::uint32_t io_f_integrity = 1u << 18;
inline constexpr std::uint32_t io_f_shmem_zc = 1u << 19;

constexpr std::uint32_t flags_of(std::uint32_t op_flags) noexcept { return op_flags & ~0xffu; }

struct io_desc {
    std::uint32_t op_flags = 0;
    std::uint32_t nr_sectors = 0;  // REPORT_ZONES: the number of zones
    std::uint64_t start_sector = 0;
    std::uint64_t addr = 0;  // with io_f_shmem_zc: see shmem_index and shmem_offset
};

// With f_shmem_zc and io_f_shmem_zc, io_desc::addr is a place in a buffer given by REG_BUF.
constexpr std::uint16_t shmem_index(std::uint64_t addr) noexcept {
    return static_cast<std::uint16_t>(addr >> 32);
}
constexpr std::uint32_t shmem_offset(std::uint64_t addr) noexcept {
    return static_cast<std::uint32_t>(addr);
}

// Payload of FETCH_REQ, COMMIT_AND_FETCH_REQ, NEED_GET_DATA, (UN)REGISTER_IO_BUF.
struct io_cmd {
    std::uint16_t q_id = 0;
    std::uint16_t tag = 0;
    std::int32_t result = 0;
    // A buffer address; the written LBA when a ZONE_APPEND is committed; the index in the buffer
    // table for (UN)REGISTER_IO_BUF.
    std::uint64_t addr = 0;
};

// Payload of PREP_IO_CMDS, COMMIT_IO_CMDS, FETCH_IO_CMDS.
struct batch_io {
    std::uint16_t q_id = 0;
    std::uint16_t flags = 0;
    std::uint16_t nr_elem = 0;
    std::uint8_t elem_bytes = 0;
    std::uint8_t reserved = 0;
    std::uint64_t reserved2 = 0;
};

inline constexpr std::uint16_t batch_f_has_zone_lba = 1u << 0;
inline constexpr std::uint16_t batch_f_has_buf_addr = 1u << 1;
inline constexpr std::uint16_t batch_f_auto_buf_reg_fallback = 1u << 2;
inline constexpr std::uint16_t batch_tags_per_cqe_max = 128;

// One element of a batch. A u64 buffer address follows with batch_f_has_buf_addr, then a u64 LBA
// with batch_f_has_zone_lba.
struct elem_header {
    std::uint16_t tag = 0;
    std::uint16_t buf_index = 0;  // also the index of automatic registration
    std::int32_t result = 0;
};

constexpr std::uint8_t batch_elem_bytes(std::uint16_t flags) noexcept {
    return static_cast<std::uint8_t>(8u + ((flags & batch_f_has_buf_addr) != 0 ? 8u : 0u) +
                                     ((flags & batch_f_has_zone_lba) != 0 ? 8u : 0u));
}

// With f_auto_buf_reg, sqe->addr of FETCH_REQ and COMMIT_AND_FETCH_REQ is one of these.
struct auto_buf_reg {
    std::uint16_t index = 0;
    std::uint8_t flags = 0;
    std::uint8_t reserved0 = 0;
    std::uint32_t reserved1 = 0;
};

inline constexpr std::uint8_t auto_buf_reg_fallback = 1u << 0;

constexpr std::uint64_t sqe_addr(const auto_buf_reg& reg) noexcept {
    return std::uint64_t{reg.index} | (std::uint64_t{reg.flags} << 16) |
           (std::uint64_t{reg.reserved0} << 24) | (std::uint64_t{reg.reserved1} << 32);
}

constexpr auto_buf_reg auto_buf_reg_of(std::uint64_t sqe_addr) noexcept {
    return {.index = static_cast<std::uint16_t>(sqe_addr),
            .flags = static_cast<std::uint8_t>(sqe_addr >> 16),
            .reserved0 = static_cast<std::uint8_t>(sqe_addr >> 24),
            .reserved1 = static_cast<std::uint32_t>(sqe_addr >> 32)};
}

// Results of a completed fetch. Other negative ones mean that the command itself was refused.
inline constexpr std::int32_t io_res_ok = 0;
inline constexpr std::int32_t io_res_need_get_data = 1;
inline constexpr std::int32_t io_res_abort = -ENODEV;

inline constexpr std::uint32_t queue_depth_max = 4096;
inline constexpr std::uint32_t queues_max = 4096;
inline constexpr std::uint16_t io_desc_size_default = 24;
inline constexpr std::uint16_t io_desc_size_max = 256;  // with f_io_desc_size
inline constexpr std::uint16_t io_desc_size_step = 8;

constexpr std::uint64_t round_up_to(std::uint64_t value, std::uint64_t step) noexcept {
    return (value + step - 1) / step * step;
}

// The stride counts the largest possible depth; the length of one mapping the real one.
constexpr std::uint64_t descriptor_stride(std::uint64_t desc_size, std::uint64_t page) noexcept {
    return round_up_to(queue_depth_max * desc_size, page);
}
constexpr std::uint64_t descriptor_map_bytes(std::uint64_t depth, std::uint64_t desc_size,
                                             std::uint64_t page) noexcept {
    return round_up_to(depth * desc_size, page);
}

// User copy: pread takes the data of a write request, pwrite gives the data of a read request.
inline constexpr unsigned io_buf_bits = 25;
inline constexpr unsigned tag_bits = 16;
inline constexpr unsigned queue_id_bits = 12;
inline constexpr std::uint32_t io_buf_bytes_max = 1u << io_buf_bits;
inline constexpr std::uint64_t user_copy_base = 0x80000000;
inline constexpr std::uint64_t user_copy_integrity = 1ull << 62;  // metadata instead of data

constexpr std::uint64_t user_copy_position(std::uint16_t q_id, std::uint16_t tag,
                                           std::uint32_t offset) noexcept {
    return user_copy_base + (std::uint64_t{q_id} << (io_buf_bits + tag_bits)) +
           (std::uint64_t{tag} << io_buf_bits) + offset;
}

struct user_copy_place {
    std::uint16_t q_id = 0;
    std::uint16_t tag = 0;
    std::uint32_t offset = 0;
    bool integrity = false;

    friend constexpr bool operator==(const user_copy_place&, const user_copy_place&) = default;
};

// As the driver does it: a position below the base wraps around to queue 4095.
constexpr user_copy_place user_copy_place_of(std::uint64_t position) noexcept {
    const std::uint64_t rest = (position & ~user_copy_integrity) - user_copy_base;
    return {.q_id = static_cast<std::uint16_t>((rest >> (io_buf_bits + tag_bits)) &
                                               ((1u << queue_id_bits) - 1)),
            .tag = static_cast<std::uint16_t>(rest >> io_buf_bits),
            .offset = static_cast<std::uint32_t>(rest & (io_buf_bytes_max - 1)),
            .integrity = (position & user_copy_integrity) != 0};
}

static_assert(std::is_trivially_copyable_v<io_desc> && std::is_standard_layout_v<io_desc>);
static_assert(sizeof(io_desc) == 24);
static_assert(offsetof(io_desc, op_flags) == 0);
static_assert(offsetof(io_desc, nr_sectors) == 4);
static_assert(offsetof(io_desc, start_sector) == 8);
static_assert(offsetof(io_desc, addr) == 16);
static_assert(std::is_trivially_copyable_v<io_cmd> && std::is_standard_layout_v<io_cmd>);
static_assert(sizeof(io_cmd) == 16);
static_assert(offsetof(io_cmd, q_id) == 0);
static_assert(offsetof(io_cmd, tag) == 2);
static_assert(offsetof(io_cmd, result) == 4);
static_assert(offsetof(io_cmd, addr) == 8);
static_assert(std::is_trivially_copyable_v<batch_io> && std::is_standard_layout_v<batch_io>);
static_assert(sizeof(batch_io) == 16);
static_assert(offsetof(batch_io, q_id) == 0);
static_assert(offsetof(batch_io, flags) == 2);
static_assert(offsetof(batch_io, nr_elem) == 4);
static_assert(offsetof(batch_io, elem_bytes) == 6);
static_assert(offsetof(batch_io, reserved) == 7);
static_assert(offsetof(batch_io, reserved2) == 8);
static_assert(std::is_trivially_copyable_v<elem_header> && std::is_standard_layout_v<elem_header>);
static_assert(sizeof(elem_header) == 8);
static_assert(offsetof(elem_header, tag) == 0);
static_assert(offsetof(elem_header, buf_index) == 2);
static_assert(offsetof(elem_header, result) == 4);
static_assert(std::is_trivially_copyable_v<auto_buf_reg> &&
              std::is_standard_layout_v<auto_buf_reg>);
static_assert(sizeof(auto_buf_reg) == 8);
static_assert(offsetof(auto_buf_reg, index) == 0);
static_assert(offsetof(auto_buf_reg, flags) == 2);
static_assert(offsetof(auto_buf_reg, reserved0) == 3);
static_assert(offsetof(auto_buf_reg, reserved1) == 4);

}  // namespace ashlar::uapi
