// SPDX-License-Identifier: MIT
// The names of single numbers and of sets of bits, and numbers with their units.
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <span>

namespace ashlar::uapi {

namespace {

struct bit_name {
    std::uint64_t bit;
    std::string_view name;
};

constexpr bit_name io_flag_names[] = {
    {io_f_failfast_dev, "FAILFAST_DEV"},
    {io_f_failfast_transport, "FAILFAST_TRANSPORT"},
    {io_f_failfast_driver, "FAILFAST_DRIVER"},
    {io_f_meta, "META"},
    {io_f_fua, "FUA"},
    {io_f_nounmap, "NOUNMAP"},
    {io_f_swap, "SWAP"},
    {io_f_need_reg_buf, "NEED_REG_BUF"},
    {io_f_integrity, "INTEGRITY"},
    {io_f_shmem_zc, "SHMEM_ZC"},
};

constexpr bit_name attr_names[] = {
    {attr_read_only, "READ_ONLY"},
    {attr_rotational, "ROTATIONAL"},
    {attr_volatile_cache, "VOLATILE_CACHE"},
    {attr_fua, "FUA"},
};

constexpr bit_name param_type_names[] = {
    {param_type_basic, "BASIC"},         {param_type_discard, "DISCARD"},
    {param_type_devt, "DEVT"},           {param_type_zoned, "ZONED"},
    {param_type_dma_align, "DMA_ALIGN"}, {param_type_segment, "SEGMENT"},
    {param_type_integrity, "INTEGRITY"},
};

constexpr bit_name integrity_flag_names[] = {
    {integrity_flag_integrity, "INTEGRITY"},
    {integrity_flag_reftag, "REFTAG"},
};

constexpr bit_name batch_flag_names[] = {
    {batch_f_has_zone_lba, "HAS_ZONE_LBA"},
    {batch_f_has_buf_addr, "HAS_BUF_ADDR"},
    {batch_f_auto_buf_reg_fallback, "AUTO_BUF_REG_FALLBACK"},
};

// Works on any table whose rows have a `bit` and a `name`.
template <class Row>
std::string bits_text(std::uint64_t bits, std::span<const Row> names) {
    if (bits == 0) return "none";
    std::string text;
    auto append = [&text](std::string_view word) {
        if (!text.empty()) text += '|';
        text += word;
    };
    for (const Row& row : names) {
        if ((bits & row.bit) != 0) append(row.name);
        bits &= ~row.bit;
    }
    for (unsigned bit = 0; bit < 64; ++bit) {
        if (((bits >> bit) & 1) != 0) append(fmt::format("bit {}", bit));
    }
    return text;
}

std::string bits_text(std::uint64_t bits, std::span<const bit_name> names) {
    return bits_text<bit_name>(bits, names);
}

std::string named_or(std::string_view known, std::string_view kind, unsigned number) {
    return known.empty() ? fmt::format("{} {:#x}", kind, number) : std::string(known);
}

}  // namespace

std::string_view name(ctrl_op command) noexcept {
    switch (command) {
        case ctrl_op::get_queue_affinity: return "GET_QUEUE_AFFINITY";
        case ctrl_op::get_dev_info: return "GET_DEV_INFO";
        case ctrl_op::add_dev: return "ADD_DEV";
        case ctrl_op::del_dev: return "DEL_DEV";
        case ctrl_op::start_dev: return "START_DEV";
        case ctrl_op::stop_dev: return "STOP_DEV";
        case ctrl_op::set_params: return "SET_PARAMS";
        case ctrl_op::get_params: return "GET_PARAMS";
        case ctrl_op::start_user_recovery: return "START_USER_RECOVERY";
        case ctrl_op::end_user_recovery: return "END_USER_RECOVERY";
        case ctrl_op::get_dev_info2: return "GET_DEV_INFO2";
        case ctrl_op::get_features: return "GET_FEATURES";
        case ctrl_op::del_dev_async: return "DEL_DEV_ASYNC";
        case ctrl_op::update_size: return "UPDATE_SIZE";
        case ctrl_op::quiesce_dev: return "QUIESCE_DEV";
        case ctrl_op::try_stop_dev: return "TRY_STOP_DEV";
        case ctrl_op::reg_buf: return "REG_BUF";
        case ctrl_op::unreg_buf: return "UNREG_BUF";
    }
    return "";
}

std::string_view name(io_op command) noexcept {
    switch (command) {
        case io_op::fetch_req: return "FETCH_REQ";
        case io_op::commit_and_fetch_req: return "COMMIT_AND_FETCH_REQ";
        case io_op::need_get_data: return "NEED_GET_DATA";
        case io_op::register_io_buf: return "REGISTER_IO_BUF";
        case io_op::unregister_io_buf: return "UNREGISTER_IO_BUF";
        case io_op::prep_io_cmds: return "PREP_IO_CMDS";
        case io_op::commit_io_cmds: return "COMMIT_IO_CMDS";
        case io_op::fetch_io_cmds: return "FETCH_IO_CMDS";
    }
    return "";
}

std::string_view name(op operation) noexcept {
    switch (operation) {
        case op::read: return "READ";
        case op::write: return "WRITE";
        case op::flush: return "FLUSH";
        case op::discard: return "DISCARD";
        case op::write_same: return "WRITE_SAME";
        case op::write_zeroes: return "WRITE_ZEROES";
        case op::zone_open: return "ZONE_OPEN";
        case op::zone_close: return "ZONE_CLOSE";
        case op::zone_finish: return "ZONE_FINISH";
        case op::zone_append: return "ZONE_APPEND";
        case op::zone_reset_all: return "ZONE_RESET_ALL";
        case op::zone_reset: return "ZONE_RESET";
        case op::report_zones: return "REPORT_ZONES";
    }
    return "";
}

std::string_view name(device_state state) noexcept {
    switch (state) {
        case device_state::dead: return "DEAD";
        case device_state::live: return "LIVE";
        case device_state::quiesced: return "QUIESCED";
        case device_state::fail_io: return "FAIL_IO";
    }
    return "";
}

std::string_view name(checksum kind) noexcept {
    switch (kind) {
        case checksum::none: return "NONE";
        case checksum::ip: return "IP";
        case checksum::crc16_t10dif: return "CRC16_T10DIF";
        case checksum::crc64_nvme: return "CRC64_NVME";
    }
    return "";
}

std::string_view name(ioc_direction direction) noexcept {
    switch (direction) {
        case ioc_direction::none: return "no direction";
        case ioc_direction::write: return "write";
        case ioc_direction::read: return "read";
        case ioc_direction::read_write: return "read/write";
    }
    return "";
}

std::string to_string(ctrl_op command) {
    return named_or(name(command), "control command", raw(command));
}

std::string to_string(io_op command) {
    return named_or(name(command), "I/O command", raw(command));
}

std::string to_string(op operation) {
    return named_or(name(operation), "operation", static_cast<unsigned>(operation));
}

std::string to_string(device_state state) {
    return named_or(name(state), "state", static_cast<unsigned>(state));
}

std::string to_string(checksum kind) {
    return named_or(name(kind), "checksum", static_cast<unsigned>(kind));
}

std::string flags_text(std::uint64_t flags) { return bits_text<feature>(flags, features()); }

std::string io_flags_text(std::uint32_t op_flags) {
    return bits_text(flags_of(op_flags), io_flag_names);
}

std::string attrs_text(std::uint32_t attrs) { return bits_text(attrs, attr_names); }

std::string param_types_text(std::uint32_t types) { return bits_text(types, param_type_names); }

std::string integrity_flags_text(std::uint32_t flags) {
    return bits_text(flags, integrity_flag_names);
}

std::string batch_flags_text(std::uint16_t flags) { return bits_text(flags, batch_flag_names); }

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::string_view units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes == 1) return "1 byte";

    std::uint64_t count = bytes;
    std::size_t exact = 0;
    while (count != 0 && count % 1024 == 0) {
        count /= 1024;
        ++exact;
    }
    std::string text = fmt::format("{} {}", count, units[exact]);
    if (count < 10000) return text;

    auto rounded = static_cast<double>(count);
    std::size_t unit = exact;
    while (rounded >= 1023.95) {  // which one decimal would show as 1024.0
        rounded /= 1024;
        ++unit;
    }
    return text + fmt::format(" (about {:.1f} {})", rounded, units[unit]);
}

std::string sectors_text(std::uint64_t sectors) {
    if (sectors == 0) return "0 sectors";
    if (sectors == 1) return "1 sector (512 bytes)";
    if (sectors > UINT64_MAX / sector_bytes) return fmt::format("{} sectors (too many)", sectors);
    return fmt::format("{} sectors ({})", sectors, bytes_text(sectors * sector_bytes));
}

std::string to_string(const command_number& number) {
    return fmt::format("type {:#x}, number {:#x}, {} bytes, {}", number.type, number.nr,
                       number.size, name(number.direction));
}

std::string command_text(std::uint32_t number) {
    const auto control = static_cast<ctrl_op>(number & 0xff);
    const auto io = static_cast<io_op>(number & 0xff);
    const std::string_view known = is_known(control) ? name(control) : name(io);
    const bool exact = is_known(control) ? encoded(control) == number : encoded(io) == number;
    const bool is_raw = number <= 0xff;

    if (known.empty()) {
        if (is_raw) return fmt::format("unknown command {:#x}, raw", number);
        return fmt::format("unknown command {:#x} ({})", number, to_string(decode(number)));
    }
    if (exact) return fmt::format("{} ({:#x})", known, number);
    if (is_raw) return fmt::format("{} ({:#x}, raw)", known, number);
    return fmt::format("{} in an unusual encoding, {:#x} ({})", known, number,
                       to_string(decode(number)));
}

}  // namespace ashlar::uapi
