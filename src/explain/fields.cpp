// SPDX-License-Identifier: MIT
#include "explain/fields.hpp"

#include "explain/opcodes.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

namespace ashlar::explain {

namespace {

using bytes_view = std::span<const std::uint8_t>;

// Reads fields one after the other and keeps their places.
class table {
public:
    explicit table(bytes_view bytes) : bytes_(bytes) {}

    // What `text` makes of the number; a zero is plain unless `always` says that it tells much.
    template <class T, class F>
    void add(std::string name, std::size_t at, F&& text, bool always = false) {
        if (at + sizeof(T) > bytes_.size()) return;
        const T value = load<T>(bytes_, at);
        rows.push_back({std::move(name), at, sizeof(T), text(value), value == T{} && !always});
    }
    template <class T>
    void number(std::string name, std::size_t at, bool always = false) {
        add<T>(std::move(name), at, [](T v) { return fmt::format("{}", v); }, always);
    }
    template <class T>
    void hex(std::string name, std::size_t at, bool always = false) {
        add<T>(std::move(name), at, [](T v) { return fmt::format("{:#x}", v); }, always);
    }
    void append(std::vector<field> more, std::size_t at, std::string_view prefix) {
        for (field& f : more) {
            f.offset += at;
            f.name = fmt::format("{}{}", prefix, f.name);
            rows.push_back(std::move(f));
        }
    }
    std::vector<field> rows;

private:
    bytes_view bytes_;
};

std::string id_text(std::uint32_t id) {
    return id == uapi::device_id_auto ? "0xffffffff (the lowest free one)" : fmt::format("{}", id);
}
std::string queue_text(std::uint16_t queue) {
    return queue == uapi::queue_id_none ? "0xffff (none)" : fmt::format("{}", queue);
}
std::string shift_text(std::uint8_t shift) {
    if (shift >= 63) return fmt::format("{} (absurd)", shift);
    return fmt::format("{} ({})", shift, uapi::bytes_text(1ull << shift));
}
std::string sectors(std::uint64_t n) { return uapi::sectors_text(n); }

std::vector<field> header_fields(bytes_view b, std::uint32_t command) {
    table t(b);
    t.add<std::uint32_t>("dev_id", 0, id_text, true);
    t.add<std::uint16_t>("queue_id", 4, queue_text, true);
    t.add<std::uint16_t>("len", 6, [](auto v) { return uapi::bytes_text(v); }, true);
    t.hex<std::uint64_t>("addr", 8, true);
    const auto nr = static_cast<uapi::ctrl_op>(uapi::decode(command).nr);
    const bool pid = nr == uapi::ctrl_op::start_dev || nr == uapi::ctrl_op::end_user_recovery;
    t.add<std::uint64_t>(
        "data[0]", 16,
        [&](auto v) {
            if (pid) return fmt::format("{} (the server's process)", static_cast<std::int64_t>(v));
            if (nr == uapi::ctrl_op::update_size) return sectors(v);
            return fmt::format("{:#x}", v);
        },
        pid);
    t.number<std::uint16_t>("dev_path_len", 24);
    t.hex<std::uint16_t>("pad", 26);
    t.hex<std::uint32_t>("reserved", 28);
    return t.rows;
}

std::vector<field> info_fields(bytes_view b) {
    table t(b);
    t.number<std::uint16_t>("nr_hw_queues", 0, true);
    t.number<std::uint16_t>("queue_depth", 2, true);
    t.add<std::uint16_t>("state", 4, [](auto v) {
        return fmt::format("{} ({})", v, uapi::to_string(static_cast<uapi::device_state>(v)));
    });
    t.number<std::uint16_t>("io_desc_size", 6);
    t.add<std::uint32_t>("max_io_buf_bytes", 8, [](auto v) { return uapi::bytes_text(v); }, true);
    t.add<std::uint32_t>("dev_id", 12, id_text, true);
    t.number<std::int32_t>("ublksrv_pid", 16);
    t.hex<std::uint32_t>("pad1", 20);
    t.add<std::uint64_t>(
        "flags", 24, [](auto v) { return fmt::format("{:#x} ({})", v, uapi::flags_text(v)); },
        true);
    t.hex<std::uint64_t>("ublksrv_flags", 32);
    t.number<std::uint32_t>("owner_uid", 40);
    t.number<std::uint32_t>("owner_gid", 44);
    t.hex<std::uint64_t>("reserved1", 48);
    t.hex<std::uint64_t>("reserved2", 56);
    return t.rows;
}

void add_basic(table& t) {
    t.add<std::uint32_t>("basic.attrs", 8, [](auto v) { return uapi::attrs_text(v); }, true);
    t.add<std::uint8_t>("basic.logical_bs_shift", 12, shift_text, true);
    t.add<std::uint8_t>("basic.physical_bs_shift", 13, shift_text, true);
    t.add<std::uint8_t>("basic.io_opt_shift", 14, shift_text, true);
    t.add<std::uint8_t>("basic.io_min_shift", 15, shift_text, true);
    t.add<std::uint32_t>("basic.max_sectors", 16, sectors, true);
    t.add<std::uint32_t>("basic.chunk_sectors", 20, sectors);
    t.add<std::uint64_t>("basic.dev_sectors", 24, sectors, true);
    t.hex<std::uint64_t>("basic.virt_boundary_mask", 32);
}

void add_integrity(table& t) {
    t.add<std::uint32_t>(
        "integrity.flags", 136, [](auto v) { return uapi::integrity_flags_text(v); }, true);
    t.number<std::uint16_t>("integrity.max_integrity_segments", 140);
    t.add<std::uint8_t>("integrity.interval_exp", 142, shift_text, true);
    t.number<std::uint8_t>("integrity.metadata_size", 143, true);
    t.number<std::uint8_t>("integrity.pi_offset", 144);
    t.add<std::uint8_t>(
        "integrity.csum_type", 145,
        [](auto v) { return uapi::to_string(static_cast<uapi::checksum>(v)); }, true);
    t.number<std::uint8_t>("integrity.tag_size", 146);
}

std::vector<field> params_fields(bytes_view b) {
    table t(b);
    const auto types = load<std::uint32_t>(b, 4);
    t.number<std::uint32_t>("len", 0, true);
    t.add<std::uint32_t>("types", 4, [](auto v) { return uapi::param_types_text(v); }, true);
    if ((types & uapi::param_type_basic) != 0) add_basic(t);
    if ((types & uapi::param_type_discard) != 0) {
        t.number<std::uint32_t>("discard.discard_alignment", 40);
        t.number<std::uint32_t>("discard.discard_granularity", 44, true);
        t.add<std::uint32_t>("discard.max_discard_sectors", 48, sectors, true);
        t.add<std::uint32_t>("discard.max_write_zeroes_sectors", 52, sectors, true);
        t.number<std::uint16_t>("discard.max_discard_segments", 56, true);
        t.number<std::uint16_t>("discard.reserved0", 58);
    }
    if ((types & uapi::param_type_zoned) != 0) {
        t.number<std::uint32_t>("zoned.max_open_zones", 76, true);
        t.number<std::uint32_t>("zoned.max_active_zones", 80, true);
        t.add<std::uint32_t>("zoned.max_zone_append_sectors", 84, sectors, true);
    }
    if ((types & uapi::param_type_dma_align) != 0) {
        t.hex<std::uint32_t>("dma.alignment", 108, true);
    }
    if ((types & uapi::param_type_segment) != 0) {
        t.hex<std::uint64_t>("seg.seg_boundary_mask", 120, true);
        t.number<std::uint32_t>("seg.max_segment_size", 128, true);
        t.number<std::uint16_t>("seg.max_segments", 132, true);
    }
    if ((types & uapi::param_type_integrity) != 0) add_integrity(t);
    return t.rows;
}

std::vector<field> io_fields(bytes_view b) {
    table t(b);
    t.number<std::uint16_t>("q_id", 0, true);
    t.number<std::uint16_t>("tag", 2, true);
    t.number<std::int32_t>("result", 4);
    t.hex<std::uint64_t>("addr", 8, true);
    return t.rows;
}

std::vector<field> batch_fields(bytes_view b) {
    table t(b);
    t.number<std::uint16_t>("q_id", 0, true);
    t.add<std::uint16_t>("flags", 2, [](auto v) { return uapi::batch_flags_text(v); }, true);
    t.number<std::uint16_t>("nr_elem", 4, true);
    t.number<std::uint8_t>("elem_bytes", 6, true);
    t.hex<std::uint8_t>("reserved", 7);
    t.hex<std::uint64_t>("reserved2", 8);
    return t.rows;
}

std::vector<field> descriptor_fields(bytes_view b) {
    table t(b);
    t.add<std::uint32_t>(
        "op_flags", 0,
        [](auto v) {
            return fmt::format("{:#x} ({}, flags {})", v, uapi::to_string(uapi::op_of(v)),
                               uapi::io_flags_text(v));
        },
        true);
    t.add<std::uint32_t>("nr_sectors", 4, sectors, true);
    t.add<std::uint64_t>("start_sector", 8, sectors, true);
    t.hex<std::uint64_t>("addr", 16, true);
    return t.rows;
}

std::vector<field> buffer_fields(bytes_view b) {
    table t(b);
    t.hex<std::uint64_t>("addr", 0, true);
    t.add<std::uint64_t>("len", 8, [](auto v) { return uapi::bytes_text(v); }, true);
    t.add<std::uint32_t>(
        "flags", 16, [](auto v) { return fmt::format("{:#x}{}", v, v == 1 ? " (read only)" : ""); },
        true);
    t.hex<std::uint32_t>("reserved", 20);
    return t.rows;
}

bool is_batch(std::uint32_t command) {
    const auto nr = static_cast<uapi::io_op>(uapi::decode(command).nr);
    return nr == uapi::io_op::prep_io_cmds || nr == uapi::io_op::commit_io_cmds ||
           nr == uapi::io_op::fetch_io_cmds;
}

std::vector<field> entry_fields(bytes_view b, const rules::kernel& k) {
    table t(b);
    t.add<std::uint8_t>(
        "opcode", 0, [&](auto v) { return fmt::format("{} ({})", v, opcode_text(v, k)); }, true);
    t.hex<std::uint8_t>("flags", 1);
    t.hex<std::uint16_t>("ioprio", 2);
    t.number<std::int32_t>("fd", 4, true);
    const auto command = load<std::uint32_t>(b, 8);
    t.add<std::uint32_t>("cmd_op", 8, [](auto v) { return uapi::command_text(v); }, true);
    t.hex<std::uint32_t>("__pad1", 12);
    t.hex<std::uint64_t>("addr", 16);
    t.number<std::uint32_t>("len", 24);
    t.hex<std::uint32_t>("uring_cmd_flags", 28);
    t.hex<std::uint64_t>("user_data", 32);
    t.number<std::uint16_t>("buf_index", 40);
    t.number<std::uint16_t>("personality", 42);
    const auto nr = uapi::decode(command).nr;
    if (uapi::is_known(static_cast<uapi::io_op>(nr))) {
        const bytes_view payload = b.subspan(48, 16);
        if (is_batch(command)) t.append(batch_fields(payload), 48, "ublk_batch_io.");
        else t.append(io_fields(payload), 48, "ublksrv_io_cmd.");
    } else {
        t.append(header_fields(b.subspan(48, std::min<std::size_t>(b.size() - 48, 32)), command),
                 48, "ublksrv_ctrl_cmd.");
    }
    return t.rows;
}

}  // namespace

std::vector<field> fields_of(shape s, bytes_view b, const rules::kernel& k, std::uint32_t command) {
    switch (s) {
        case shape::entry: return b.size() < 64 ? std::vector<field>{} : entry_fields(b, k);
        case shape::header: return header_fields(b, command);
        case shape::info: return info_fields(b);
        case shape::params: return params_fields(b);
        case shape::io: return io_fields(b);
        case shape::descriptor: return descriptor_fields(b);
        case shape::batch: return batch_fields(b);
        case shape::buffer: return buffer_fields(b);
    }
    return {};
}

}  // namespace ashlar::explain
