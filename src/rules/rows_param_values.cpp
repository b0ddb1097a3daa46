// SPDX-License-Identifier: MIT
// What SET_PARAMS accepts as values.
#include "rules/rows.hpp"

#include <bit>

namespace ashlar::rules {

namespace {

constexpr subject set[] = {subject::set_params};

using params = const uapi::params*;

// A part of the parameters is there, and the condition holds for them.
template <class F>
maybe with(const kernel& k, const call& c, std::uint32_t type, F&& condition) {
    return c.params.is(
        [&](params p) { return (p->types & k.param_types() & type) != 0 && condition(*p); });
}
template <class F>
maybe basic(const kernel& k, const call& c, F&& condition) {
    return with(k, c, uapi::param_type_basic,
                [&](const uapi::params& p) { return condition(p.basic); });
}
// After the zoned part the driver looks at nothing else.
template <class F>
maybe with_unless_zoned(const kernel& k, const call& c, std::uint32_t type, F&& condition) {
    return with(k, c, type, [&](const uapi::params& p) {
        return (p.types & uapi::param_type_zoned) == 0 && condition(p);
    });
}

std::uint64_t zones(const uapi::params& p) {
    return p.basic.chunk_sectors == 0 ? 0 : p.basic.dev_sectors / p.basic.chunk_sectors;
}

std::uint32_t checksum_bytes(std::uint8_t type) {
    switch (static_cast<uapi::checksum>(type)) {
        case uapi::checksum::ip:
        case uapi::checksum::crc16_t10dif: return 8;
        case uapi::checksum::crc64_nvme: return 16;
        default: return 0;
    }
}
bool known_checksum(std::uint8_t type) { return type <= 2 || type == 4; }

bool bad_integrity(const uapi::params& p) {
    const uapi::param_integrity& i = p.integrity;
    return (i.flags & uapi::integrity_flag_integrity) == 0 ||
           (i.flags & ~uapi::all_integrity_flags) != 0 || !known_checksum(i.csum_type) ||
           i.metadata_size == 0 ||
           (i.csum_type == 0 && (i.flags & uapi::integrity_flag_reftag) != 0) ||
           i.pi_offset + checksum_bytes(i.csum_type) > i.metadata_size || i.interval_exp < 9 ||
           i.interval_exp > p.basic.logical_bs_shift;
}

constexpr version page_backports[] = {{7, 0, 11}, {6, 12, 117}};
constexpr version zone_backports[] = {{6, 12, 117}};

constexpr std::string_view source = "ublk_validate_params";

constexpr row rows[] = {
    {.id = "PAR-1",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.params.is([](params p) { return (p->types & uapi::param_type_basic) == 0; });
         },
     .means = "The basic part of the parameters is always needed, and params.types lacks its bit",
     .mend = "fill params.basic and set UBLK_PARAM_TYPE_BASIC (1) in params.types",
     .source = source},
    {.id = "PAR-2",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return basic(k, c, [&](auto& b) {
                 return b.logical_bs_shift < 9 || b.logical_bs_shift >= 32 ||
                        1u << b.logical_bs_shift > k.page_bytes;
             });
         },
     .means = "The logical block is 512 bytes to one page, given as a shift: "
              "basic.logical_bs_shift is less than 9 or more than that of a page (12 on x86)",
     .mend = "set logical_bs_shift to 9 (512 bytes) or 12 (4096 bytes)",
     .source = source},
    {.id = "PAR-3",
     .about = set,
     .kernels = since(7, 2),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return basic(k, c, [](auto& b) {
                 return b.physical_bs_shift > 28 || b.io_min_shift > 28 || b.io_opt_shift > 28;
             });
         },
     .means =
         "A shift is at most 28: basic.physical_bs_shift, io_min_shift or io_opt_shift is more",
     .mend = "give the power of two, not the number of bytes",
     .source = source},
    {.id = "PAR-5",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return basic(k, c, [](auto& b) { return b.logical_bs_shift > b.physical_bs_shift; });
         },
     .means = "The physical block is smaller than the logical one",
     .mend = "set basic.physical_bs_shift to at least logical_bs_shift",
     .source = source},
    {.id = "PAR-6",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return both(c.params, c.max_io, [&](params p, std::uint32_t max_io) {
                 return (p->types & k.param_types() & uapi::param_type_basic) != 0 &&
                        p->basic.max_sectors > max_io / uapi::sector_bytes;
             });
         },
     .means = "basic.max_sectors is more than the buffer has that ADD_DEV was told of "
              "(max_io_buf_bytes, rounded down to pages, in units of 512 bytes)",
     .mend = "set max_sectors to max_io_buf_bytes / 512, as ADD_DEV gave it back",
     .source = source},
    {.id = "PAR-7",
     .about = set,
     .kernels = {.since = {7, 2, 0}, .also_since = page_backports},
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return basic(
                 k, c, [&](auto& b) { return b.max_sectors < k.page_bytes / uapi::sector_bytes; });
         },
     .means = "basic.max_sectors is less than a page (8 sectors on x86)",
     .mend = "set max_sectors to 8 or more; it counts units of 512 bytes",
     .source = source},
    {.id = "PAR-8",
     .about = set,
     .kernels = {.since = {6, 6, 0}, .until = {7, 2, 0}, .also_until = zone_backports},
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return has(c.flags, uapi::f_zoned) &&
                    basic(k, c, [](auto& b) { return b.chunk_sectors == 0; });
         },
     .means = "A zone's size is basic.chunk_sectors, which is 0",
     .mend = "set chunk_sectors to the size of a zone, a power of two",
     .source = source},
    {.id = "PAR-8",
     .about = set,
     .kernels = {.since = {7, 2, 0}, .also_since = zone_backports},
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return has(c.flags, uapi::f_zoned) &&
                    basic(k, c, [](auto& b) { return !std::has_single_bit(b.chunk_sectors); });
         },
     .means = "A zone's size is basic.chunk_sectors, which is not a power of two",
     .mend = "set chunk_sectors to the size of a zone, a power of two",
     .source = source},
    {.id = "PAR-9",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with(k, c, uapi::param_type_discard, [](const uapi::params& p) {
                 return p.discard.max_discard_sectors != 0 && p.discard.max_discard_segments != 1;
             });
         },
     .means = "A discard is of one range: max_discard_sectors is set and max_discard_segments is "
              "not 1",
     .mend = "set discard.max_discard_segments to 1, or max_discard_sectors to 0",
     .source = source},
    {.id = "PAR-10",
     .about = set,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with(k, c, uapi::param_type_discard,
                         [](const uapi::params& p) { return p.discard.discard_granularity == 0; });
         },
     .means = "discard.discard_granularity is 0",
     .mend = "set discard_granularity to the block size in bytes, or leave the discard part out "
             "of params.types",
     .source = source},
    {.id = "PAR-12",
     .about = set,
     .kernels = since(6, 3),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with(k, c, uapi::param_type_devt, [](const uapi::params&) { return true; });
         },
     .means = "The device numbers can only be read, and params.types has their bit (GET_PARAMS "
              "sets it in its answer)",
     .mend = "clear UBLK_PARAM_TYPE_DEVT (4) in params.types",
     .source = source},
    {.id = "PAR-13",
     .about = set,
     .kernels = since(6, 6),
     .error = EOPNOTSUPP,
     .breaks =
         [](auto& k, auto& c) {
             return !k.zoned &&
                    with(k, c, uapi::param_type_zoned, [](const uapi::params&) { return true; });
         },
     .means = "This kernel was built without zoned disks (CONFIG_BLK_DEV_ZONED)",
     .mend = "leave the zoned part out",
     .source = source},
    {.id = "PAR-14",
     .about = set,
     .kernels = since(6, 6),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return !has(c.flags, uapi::f_zoned) &&
                    with(k, c, uapi::param_type_zoned, [](const uapi::params&) { return true; });
         },
     .means = "There are zoned parameters, and the device is not a zoned one",
     .mend = "set UBLK_F_ZONED at ADD_DEV, or clear UBLK_PARAM_TYPE_ZONED",
     .source = source},
    {.id = "PAR-14",
     .about = set,
     .kernels = since(6, 6),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with(k, c, uapi::param_type_zoned, [](const uapi::params& p) {
                 return p.zoned.max_zone_append_sectors == 0 ||
                        p.zoned.max_active_zones > zones(p) || p.zoned.max_open_zones > zones(p);
             });
         },
     .means = "zoned.max_zone_append_sectors is 0, or max_active_zones or max_open_zones is more "
              "than the disk has whole zones (dev_sectors / chunk_sectors)",
     .mend = "set max_zone_append_sectors, and limits of zones that fit the disk (0 for none)",
     .source = source},
    {.id = "PAR-15",
     .about = set,
     .kernels = since(6, 6),
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return has(c.flags, uapi::f_zoned) &&
                    c.params.is([](params p) { return (p->types & uapi::param_type_zoned) == 0; });
         },
     .means = "A zoned device needs the zoned part of the parameters",
     .mend = "fill params.zoned and set UBLK_PARAM_TYPE_ZONED (8)",
     .source = source},
    {.id = "PAR-16",
     .about = set,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with_unless_zoned(k, c, uapi::param_type_dma_align, [&](const uapi::params& p) {
                 return p.dma.alignment >= k.page_bytes ||
                        !std::has_single_bit(p.dma.alignment + 1);
             });
         },
     .means = "dma.alignment is a mask, a power of two less 1 and smaller than a page",
     .mend = "set alignment to 511 or 4095, not to 512 or 4096",
     .source = source},
    {.id = "PAR-17",
     .about = set,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with_unless_zoned(k, c, uapi::param_type_segment, [](const uapi::params& p) {
                 const std::uint64_t end = p.seg.seg_boundary_mask + 1;
                 return !std::has_single_bit(end) || end < 4096 || p.seg.max_segment_size < 4096;
             });
         },
     .means = "seg.seg_boundary_mask is not a power of two (4096 or more, and not 2^64) less 1, or "
              "max_segment_size is less than 4096",
     .mend = "set seg_boundary_mask to 2^k - 1 with k from 12 to 63, and max_segment_size to 4096 "
             "or more",
     .source = source},
    {.id = "PAR-18",
     .about = set,
     .kernels = since(7, 0),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return with_unless_zoned(k, c, uapi::param_type_integrity,
                                      [](auto&) { return true; }) &&
                    (!has(c.flags, uapi::f_integrity) ||
                     with_unless_zoned(k, c, uapi::param_type_integrity, &bad_integrity));
         },
     .means = "The integrity part is for devices added with the flag INTEGRITY, and this one lacks "
              "it; or the part contradicts itself: LBMD_PI_CAP_INTEGRITY is missing, a flag or "
              "csum_type is unknown, metadata_size is 0 or less than pi_offset and the checksum's "
              "bytes, there is a REFTAG without a checksum, or interval_exp is not from 9 to "
              "basic.logical_bs_shift",
     .mend = "add the device with INTEGRITY; set LBMD_PI_CAP_INTEGRITY, a known csum_type, a "
             "metadata_size with room for the checksum (8 bytes, 16 for NVME), and interval_exp "
             "to logical_bs_shift",
     .source = source},
};

}  // namespace

std::span<const row> param_value_rows() { return rows; }

}  // namespace ashlar::rules
