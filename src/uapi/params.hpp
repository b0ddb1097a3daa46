// SPDX-License-Identifier: MIT
// The parameters of a ublk disk (SET_PARAMS, GET_PARAMS).
//
// params::len says how many bytes are meant, params::types which parts of them are in force. A
// kernel cuts a length it does not know and drops type bits it does not know, both without an
// error. All counts of sectors are in units of 512 bytes, whatever the logical block size is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ashlar::uapi {

inline constexpr std::uint32_t param_type_basic = 1u << 0;
inline constexpr std::uint32_t param_type_discard = 1u << 1;
inline constexpr std::uint32_t param_type_devt = 1u << 2;
inline constexpr std::uint32_t param_type_zoned = 1u << 3;
inline constexpr std::uint32_t param_type_dma_align = 1u << 4;
inline constexpr std::uint32_t param_type_segment = 1u << 5;
inline constexpr std::uint32_t param_type_integrity = 1u << 6;
inline constexpr std::uint32_t all_param_types = (1u << 7) - 1;

// param_basic::attrs
inline constexpr std::uint32_t attr_read_only = 1u << 0;
inline constexpr std::uint32_t attr_rotational = 1u << 1;
inline constexpr std::uint32_t attr_volatile_cache = 1u << 2;
inline constexpr std::uint32_t attr_fua = 1u << 3;  // ignored without attr_volatile_cache
inline constexpr std::uint32_t all_attrs = (1u << 4) - 1;

struct param_basic {
    std::uint32_t attrs = 0;
    std::uint8_t logical_bs_shift = 0;
    std::uint8_t physical_bs_shift = 0;
    std::uint8_t io_opt_shift = 0;
    std::uint8_t io_min_shift = 0;
    std::uint32_t max_sectors = 0;
    std::uint32_t chunk_sectors = 0;
    std::uint64_t dev_sectors = 0;
    std::uint64_t virt_boundary_mask = 0;
};

struct param_discard {
    std::uint32_t discard_alignment = 0;
    std::uint32_t discard_granularity = 0;
    std::uint32_t max_discard_sectors = 0;
    std::uint32_t max_write_zeroes_sectors = 0;
    std::uint16_t max_discard_segments = 0;
    std::uint16_t reserved0 = 0;
};

// Filled in by GET_PARAMS; SET_PARAMS refuses param_type_devt. The disk numbers are 0 as long as
// there is no disk.
struct param_devt {
    std::uint32_t char_major = 0;
    std::uint32_t char_minor = 0;
    std::uint32_t disk_major = 0;
    std::uint32_t disk_minor = 0;
};

struct param_zoned {
    std::uint32_t max_open_zones = 0;
    std::uint32_t max_active_zones = 0;
    std::uint32_t max_zone_append_sectors = 0;
    std::uint8_t reserved[20] = {};
};

struct param_dma_align {
    std::uint32_t alignment = 0;  // a mask: 4095 for pages of 4096 bytes
    std::uint8_t pad[4] = {};
};

struct param_segment {
    std::uint64_t seg_boundary_mask = 0;
    std::uint32_t max_segment_size = 0;
    std::uint16_t max_segments = 0;
    std::uint8_t pad[2] = {};
};

// param_integrity::flags and ::csum_type use the words of <linux/fs.h> (LBMD_PI_*).
inline constexpr std::uint32_t integrity_flag_integrity = 1u << 0;
inline constexpr std::uint32_t integrity_flag_reftag = 1u << 1;
inline constexpr std::uint32_t all_integrity_flags = (1u << 2) - 1;

enum class checksum : std::uint8_t { none = 0, ip = 1, crc16_t10dif = 2, crc64_nvme = 4 };

struct param_integrity {
    std::uint32_t flags = 0;
    std::uint16_t max_integrity_segments = 0;
    std::uint8_t interval_exp = 0;
    std::uint8_t metadata_size = 0;
    std::uint8_t pi_offset = 0;
    std::uint8_t csum_type = 0;  // a `checksum`
    std::uint8_t tag_size = 0;
    std::uint8_t pad[5] = {};
};

struct params {
    std::uint32_t len = 0;
    std::uint32_t types = 0;
    param_basic basic = {};
    param_discard discard = {};
    param_devt devt = {};
    param_zoned zoned = {};
    param_dma_align dma = {};
    // A hole in the kernel's own struct. Named here so that its bytes are zero, too.
    std::uint32_t hole = 0;
    param_segment seg = {};
    param_integrity integrity = {};
};

static_assert(std::is_trivially_copyable_v<params> && std::is_standard_layout_v<params>);
static_assert(std::has_unique_object_representations_v<params>);
static_assert(sizeof(param_basic) == 32);
static_assert(offsetof(param_basic, attrs) == 0);
static_assert(offsetof(param_basic, logical_bs_shift) == 4);
static_assert(offsetof(param_basic, physical_bs_shift) == 5);
static_assert(offsetof(param_basic, io_opt_shift) == 6);
static_assert(offsetof(param_basic, io_min_shift) == 7);
static_assert(offsetof(param_basic, max_sectors) == 8);
static_assert(offsetof(param_basic, chunk_sectors) == 12);
static_assert(offsetof(param_basic, dev_sectors) == 16);
static_assert(offsetof(param_basic, virt_boundary_mask) == 24);
static_assert(sizeof(param_discard) == 20);
static_assert(offsetof(param_discard, discard_alignment) == 0);
static_assert(offsetof(param_discard, discard_granularity) == 4);
static_assert(offsetof(param_discard, max_discard_sectors) == 8);
static_assert(offsetof(param_discard, max_write_zeroes_sectors) == 12);
static_assert(offsetof(param_discard, max_discard_segments) == 16);
static_assert(offsetof(param_discard, reserved0) == 18);
static_assert(sizeof(param_devt) == 16);
static_assert(offsetof(param_devt, char_major) == 0);
static_assert(offsetof(param_devt, char_minor) == 4);
static_assert(offsetof(param_devt, disk_major) == 8);
static_assert(offsetof(param_devt, disk_minor) == 12);
static_assert(sizeof(param_zoned) == 32);
static_assert(offsetof(param_zoned, max_open_zones) == 0);
static_assert(offsetof(param_zoned, max_active_zones) == 4);
static_assert(offsetof(param_zoned, max_zone_append_sectors) == 8);
static_assert(offsetof(param_zoned, reserved) == 12);
static_assert(sizeof(param_dma_align) == 8);
static_assert(offsetof(param_dma_align, alignment) == 0);
static_assert(offsetof(param_dma_align, pad) == 4);
static_assert(sizeof(param_segment) == 16);
static_assert(offsetof(param_segment, seg_boundary_mask) == 0);
static_assert(offsetof(param_segment, max_segment_size) == 8);
static_assert(offsetof(param_segment, max_segments) == 12);
static_assert(offsetof(param_segment, pad) == 14);
static_assert(sizeof(param_integrity) == 16);
static_assert(offsetof(param_integrity, flags) == 0);
static_assert(offsetof(param_integrity, max_integrity_segments) == 4);
static_assert(offsetof(param_integrity, interval_exp) == 6);
static_assert(offsetof(param_integrity, metadata_size) == 7);
static_assert(offsetof(param_integrity, pi_offset) == 8);
static_assert(offsetof(param_integrity, csum_type) == 9);
static_assert(offsetof(param_integrity, tag_size) == 10);
static_assert(offsetof(param_integrity, pad) == 11);
static_assert(sizeof(params) == 152);
static_assert(offsetof(params, len) == 0);
static_assert(offsetof(params, types) == 4);
static_assert(offsetof(params, basic) == 8);
static_assert(offsetof(params, discard) == 40);
static_assert(offsetof(params, devt) == 60);
static_assert(offsetof(params, zoned) == 76);
static_assert(offsetof(params, dma) == 108);
static_assert(offsetof(params, hole) == 116);
static_assert(offsetof(params, seg) == 120);
static_assert(offsetof(params, integrity) == 136);

}  // namespace ashlar::uapi
