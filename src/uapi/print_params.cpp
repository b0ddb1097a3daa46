// SPDX-License-Identifier: MIT
// The parameters of a disk as text. Only the parts whose type bit is set are shown: the others may
// hold anything, and nobody reads them.
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace ashlar::uapi {

namespace {

std::string shift_text(std::uint8_t shift) {
    if (shift >= 64) return fmt::format("2^{} bytes", shift);
    return bytes_text(std::uint64_t{1} << shift);
}

// A mask of low bits, and the alignment or boundary that it stands for.
std::string mask_text(std::uint64_t mask) {
    if (mask == UINT64_MAX) return fmt::format("{:#x} (2^64 bytes)", mask);
    return fmt::format("{:#x} ({})", mask, bytes_text(mask + 1));
}

void append_unless_zero(std::string& text, std::string_view field,
                        std::span<const std::uint8_t> bytes) {
    if (std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; })) {
        return;
    }
    text += fmt::format("\n  {}: ", field);
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
}

void append(std::string& text, const param_basic& basic) {
    text += fmt::format("\n  size: {}", sectors_text(basic.dev_sectors));
    text += fmt::format("\n  blocks: {} logical, {} physical", shift_text(basic.logical_bs_shift),
                        shift_text(basic.physical_bs_shift));
    text += fmt::format("\n  requests: minimum {}, optimal {}, maximum {}",
                        shift_text(basic.io_min_shift), shift_text(basic.io_opt_shift),
                        sectors_text(basic.max_sectors));
    text += fmt::format("\n  attributes: {}", attrs_text(basic.attrs));
    if (basic.chunk_sectors != 0) {
        text += fmt::format("\n  chunks: {}", sectors_text(basic.chunk_sectors));
    }
    if (basic.virt_boundary_mask != 0) {
        text += fmt::format("\n  virtual boundary mask: {}", mask_text(basic.virt_boundary_mask));
    }
}

void append(std::string& text, const param_discard& discard) {
    text +=
        fmt::format("\n  discard: maximum {} in {} segment{}, granularity {}, alignment {}",
                    sectors_text(discard.max_discard_sectors), discard.max_discard_segments,
                    discard.max_discard_segments == 1 ? "" : "s",
                    bytes_text(discard.discard_granularity), bytes_text(discard.discard_alignment));
    text +=
        fmt::format("\n  write zeroes: maximum {}", sectors_text(discard.max_write_zeroes_sectors));
    if (discard.reserved0 != 0) {
        text += fmt::format("\n  discard, reserved0: {:#x}", discard.reserved0);
    }
}

void append(std::string& text, const param_devt& devt) {
    text += fmt::format("\n  device numbers: char {}:{}, disk {}:{}", devt.char_major,
                        devt.char_minor, devt.disk_major, devt.disk_minor);
}

void append(std::string& text, const param_zoned& zoned) {
    text += fmt::format("\n  zones: maximum {} open, {} active, append {}", zoned.max_open_zones,
                        zoned.max_active_zones, sectors_text(zoned.max_zone_append_sectors));
    append_unless_zero(text, "zones, reserved", zoned.reserved);
}

void append(std::string& text, const param_dma_align& dma) {
    text += fmt::format("\n  DMA alignment mask: {}", mask_text(dma.alignment));
    append_unless_zero(text, "DMA alignment, pad", dma.pad);
}

void append(std::string& text, const param_segment& seg) {
    text += fmt::format("\n  segments: maximum {} of {}, boundary mask {}", seg.max_segments,
                        bytes_text(seg.max_segment_size), mask_text(seg.seg_boundary_mask));
    append_unless_zero(text, "segments, pad", seg.pad);
}

void append(std::string& text, const param_integrity& integrity) {
    text += fmt::format("\n  integrity: {} of metadata per {}, checksum {}, flags {}",
                        bytes_text(integrity.metadata_size), shift_text(integrity.interval_exp),
                        to_string(static_cast<checksum>(integrity.csum_type)),
                        integrity_flags_text(integrity.flags));
    text += fmt::format("\n  integrity: tuple at byte {}, tag of {}, maximum {} segments",
                        integrity.pi_offset, bytes_text(integrity.tag_size),
                        integrity.max_integrity_segments);
    append_unless_zero(text, "integrity, pad", integrity.pad);
}

}  // namespace

std::string to_string(const params& all) {
    std::string text = fmt::format("params: {}", param_types_text(all.types));
    if (all.len != sizeof all) text += fmt::format(", {} of {} bytes", all.len, sizeof all);
    if ((all.types & param_type_basic) != 0) append(text, all.basic);
    if ((all.types & param_type_discard) != 0) append(text, all.discard);
    if ((all.types & param_type_devt) != 0) append(text, all.devt);
    if ((all.types & param_type_zoned) != 0) append(text, all.zoned);
    if ((all.types & param_type_dma_align) != 0) append(text, all.dma);
    if ((all.types & param_type_segment) != 0) append(text, all.seg);
    if ((all.types & param_type_integrity) != 0) append(text, all.integrity);
    if (all.hole != 0) text += fmt::format("\n  hole: {:#x}", all.hole);
    return text;
}

}  // namespace ashlar::uapi
