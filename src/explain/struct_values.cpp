// SPDX-License-Identifier: MIT
#include "explain/struct_values.hpp"

#include "explain/fields.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ashlar::explain {

namespace {

// The fields of a struct that a rule looks at, which are no facts of their own.
struct looked_at {
    std::string_view rule;
    shape of;
    std::string_view fields;
};
constexpr looked_at structs[] = {
    {"ADD-4", shape::info, "queue_depth nr_hw_queues"},
    {"ADD-5", shape::info, "flags"},
    {"ADD-6", shape::info, "flags"},
    {"ADD-7", shape::info, "flags"},
    {"ADD-8", shape::info, "flags"},
    {"ADD-9", shape::info, "flags"},
    {"ADD-10", shape::info, "io_desc_size flags"},
    {"ADD-11", shape::info, "owner_uid owner_gid"},
    {"ADD-12", shape::info, "dev_id"},
    {"ADD-13", shape::info, "dev_id"},
    {"ADD-18", shape::info, "flags"},
    {"ADD-19", shape::info, "nr_hw_queues queue_depth max_io_buf_bytes flags state"},
    {"PAR-1", shape::params, "types"},
    {"PAR-2", shape::params, "basic.logical_bs_shift"},
    {"PAR-3", shape::params,
     "basic.logical_bs_shift basic.physical_bs_shift basic.io_opt_shift "
     "basic.io_min_shift"},
    {"PAR-5", shape::params, "basic.logical_bs_shift basic.physical_bs_shift"},
    {"PAR-6", shape::params, "basic.max_sectors"},
    {"PAR-7", shape::params, "basic.max_sectors"},
    {"PAR-8", shape::params, "basic.chunk_sectors basic.dev_sectors"},
    {"PAR-9", shape::params, "discard.max_discard_segments discard.max_discard_sectors"},
    {"PAR-10", shape::params, "discard.discard_granularity"},
    {"PAR-12", shape::params, "types"},
    {"PAR-13", shape::params, "types"},
    {"PAR-14", shape::params, "types zoned.max_open_zones zoned.max_active_zones"},
    {"PAR-15", shape::params, "types"},
    {"PAR-16", shape::params, "dma.alignment"},
    {"PAR-17", shape::params, "seg.seg_boundary_mask seg.max_segment_size seg.max_segments"},
    {"PAR-18", shape::params,
     "integrity.flags integrity.interval_exp integrity.metadata_size "
     "integrity.csum_type"},
    {"RBUF-3", shape::buffer, "flags"},
    {"RBUF-4", shape::buffer, "reserved"},
    {"RBUF-5", shape::buffer, "addr len"},
    {"B-1", shape::batch, "q_id"},
    {"B-2", shape::batch, "nr_elem"},
    {"B-6", shape::batch, "flags"},
    {"B-8", shape::batch, "elem_bytes flags"},
    {"BF-1", shape::batch, "q_id"},
    {"BF-3", shape::batch, "elem_bytes"},
    {"BF-4", shape::batch, "flags"},
};

template <class T>
std::span<const std::uint8_t> raw(const T& of) {
    return {reinterpret_cast<const std::uint8_t*>(&of), sizeof of};
}

}  // namespace

std::string struct_values(std::string_view rule, const evidence& seen) {
    const auto* entry = std::ranges::find(structs, rule, &looked_at::rule);
    if (entry == std::end(structs)) return {};
    std::span<const std::uint8_t> bytes;
    if (entry->of == shape::info && seen.c.info.known()) bytes = raw(seen.info);
    if (entry->of == shape::params && seen.c.params.known()) bytes = raw(seen.params);
    if (entry->of == shape::buffer && seen.c.buffer.known()) bytes = raw(seen.buffer);
    if (entry->of == shape::batch && seen.c.batch.known()) bytes = raw(seen.batch);
    std::string out;
    const std::string wanted = fmt::format(" {} ", entry->fields);
    for (const field& f : fields_of(entry->of, bytes, seen.kernel)) {
        if (wanted.find(fmt::format(" {} ", f.name)) == std::string::npos) continue;
        out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", f.name, f.value);
    }
    return out;
}

}  // namespace ashlar::explain
