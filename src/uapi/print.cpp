// SPDX-License-Identifier: MIT
// The structs of the driver as text; names and units are in names.cpp, params in print_params.cpp.
#include "uapi/print.hpp"

#include <ashlar/error.hpp>

#include <fmt/format.h>

namespace ashlar::uapi {

namespace {

// Fields that must be zero are worth a word only when they are not.
void append_unless_zero(std::string& text, std::string_view field, std::uint64_t value) {
    if (value != 0) text += fmt::format(", {} {:#x}", field, value);
}

std::string counted(std::uint64_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string device_text(std::uint32_t dev_id) {
    if (dev_id == device_id_auto) return "device automatic";
    return fmt::format("device {}", dev_id);
}

std::string result_text(std::int32_t result) {
    if (result >= 0) return fmt::format("result {}", result);
    const auto code = static_cast<int>(0u - static_cast<unsigned>(result));
    return fmt::format("result {} ({})", result, errno_name(code));
}

std::string payload_text(const ctrl_cmd& command) {
    std::string text;
    if (command.len != 0 || command.addr != 0) {
        text += fmt::format(", {} at {:#x}", bytes_text(command.len), command.addr);
    }
    if (command.dev_path_len != 0) {
        text += fmt::format(", path of {}", bytes_text(command.dev_path_len));
    }
    return text;
}

void append_odd_fields(std::string& text, const ctrl_cmd& command) {
    if (command.queue_id != queue_id_none) text += fmt::format(", queue_id {}", command.queue_id);
    append_unless_zero(text, "pad", command.pad);
    append_unless_zero(text, "reserved", command.reserved);
}

// What data[0] means to this command; empty where it means nothing.
std::string data_text(std::uint64_t data, ctrl_op meaning) {
    switch (meaning) {
        case ctrl_op::start_dev:
        case ctrl_op::end_user_recovery:
            return fmt::format("pid {}", static_cast<std::int64_t>(data));
        case ctrl_op::get_queue_affinity: return fmt::format("queue {}", data);
        case ctrl_op::update_size: return fmt::format("new size {}", sectors_text(data));
        case ctrl_op::quiesce_dev:
            return data == 0 ? "timeout 0 (about 49 days)" : fmt::format("timeout {} ms", data);
        case ctrl_op::unreg_buf: return fmt::format("buffer {}", data);
        default: return "";
    }
}

// The part of a request that says where on the disk it goes.
std::string extent_text(const io_desc& request) {
    const std::string place = sectors_text(request.start_sector);
    switch (op_of(request.op_flags)) {
        case op::flush:
        case op::zone_reset_all:
            if (request.nr_sectors == 0 && request.start_sector == 0) return "";
            break;
        case op::report_zones:
            return fmt::format(" of {}, first at {}", counted(request.nr_sectors, "zone"), place);
        case op::zone_open:
        case op::zone_close:
        case op::zone_finish:
        case op::zone_reset:
            if (request.nr_sectors == 0) return fmt::format(" at {}", place);
            break;
        default: break;
    }
    return fmt::format(" of {} at {}", sectors_text(request.nr_sectors), place);
}

}  // namespace

std::string to_string(const ctrl_cmd& command) {
    std::string text = device_text(command.dev_id) + payload_text(command);
    append_unless_zero(text, "data", command.data[0]);
    append_odd_fields(text, command);
    return text;
}

std::string to_string(const ctrl_cmd& command, ctrl_op meaning) {
    std::string text = fmt::format("{}: {}", to_string(meaning), device_text(command.dev_id));
    const std::string data = data_text(command.data[0], meaning);
    if (!data.empty()) text += ", " + data;
    text += payload_text(command);
    if (data.empty()) append_unless_zero(text, "data", command.data[0]);
    append_odd_fields(text, command);
    return text;
}

std::string to_string(const ctrl_dev_info& info) {
    std::string text = fmt::format(
        "{}: {}, {} of depth {}, requests up to {}", device_text(info.dev_id),
        to_string(static_cast<device_state>(info.state)), counted(info.nr_hw_queues, "queue"),
        info.queue_depth, bytes_text(info.max_io_buf_bytes));
    text += fmt::format("\n  flags: {}", flags_text(info.flags));
    if (info.ublksrv_pid == -1) {
        text += "\n  server: none";
    } else {
        text += fmt::format("\n  server: pid {}", info.ublksrv_pid);
    }
    text += fmt::format("\n  owner: uid {}, gid {}", info.owner_uid, info.owner_gid);
    if (info.io_desc_size == 0) {
        text += fmt::format("\n  descriptors: {} (not said)", bytes_text(io_desc_size_default));
    } else {
        text += fmt::format("\n  descriptors: {}", bytes_text(info.io_desc_size));
    }

    std::string odd;
    append_unless_zero(odd, "ublksrv_flags", info.ublksrv_flags);
    append_unless_zero(odd, "pad1", info.pad1);
    append_unless_zero(odd, "reserved1", info.reserved1);
    append_unless_zero(odd, "reserved2", info.reserved2);
    if (!odd.empty()) text += fmt::format("\n  also: {}", odd.substr(2));
    return text;
}

std::string to_string(const io_desc& request) {
    std::string text = to_string(op_of(request.op_flags)) + extent_text(request);
    if (flags_of(request.op_flags) != 0) {
        text += fmt::format(", flags {}", io_flags_text(request.op_flags));
    }
    if ((request.op_flags & io_f_shmem_zc) != 0) {
        text += fmt::format(", shared buffer {} offset {:#x}", shmem_index(request.addr),
                            shmem_offset(request.addr));
        append_unless_zero(text, "addr above bit 47", request.addr >> 48);
    } else {
        append_unless_zero(text, "addr", request.addr);
    }
    return text;
}

std::string to_string(const io_cmd& command) {
    return fmt::format("queue {}, tag {}, {}, addr {:#x}", command.q_id, command.tag,
                       result_text(command.result), command.addr);
}

std::string to_string(const io_cmd& command, io_op meaning) {
    std::string text = to_string(meaning) + ": ";
    switch (meaning) {
        case io_op::fetch_req:
        case io_op::need_get_data:
            text += fmt::format("queue {}, tag {}, ", command.q_id, command.tag);
            text += command.addr == 0 ? "no buffer" : fmt::format("buffer at {:#x}", command.addr);
            break;
        case io_op::register_io_buf:
        case io_op::unregister_io_buf:
            text += fmt::format("queue {}, tag {}, buffer index {}", command.q_id, command.tag,
                                command.addr);
            break;
        default: return text + to_string(command);
    }
    if (command.result != 0) text += ", " + result_text(command.result);
    return text;
}

std::string to_string(const batch_io& batch) {
    std::string text =
        fmt::format("queue {}, {} of {}, flags {}", batch.q_id, counted(batch.nr_elem, "element"),
                    bytes_text(batch.elem_bytes), batch_flags_text(batch.flags));
    append_unless_zero(text, "reserved", batch.reserved);
    append_unless_zero(text, "reserved2", batch.reserved2);
    return text;
}

std::string to_string(const elem_header& element) {
    return fmt::format("tag {}, buffer index {}, {}", element.tag, element.buf_index,
                       result_text(element.result));
}

std::string to_string(const auto_buf_reg& reg) {
    std::string text = fmt::format("buffer index {}", reg.index);
    if ((reg.flags & auto_buf_reg_fallback) != 0) text += ", with fallback";
    append_unless_zero(text, "unknown flags", reg.flags & ~unsigned{auto_buf_reg_fallback});
    append_unless_zero(text, "reserved0", reg.reserved0);
    append_unless_zero(text, "reserved1", reg.reserved1);
    return text;
}

std::string to_string(const shmem_buf_reg& reg) {
    std::string text = fmt::format("{} at {:#x}", bytes_text(reg.len), reg.addr);
    text += (reg.flags & shmem_buf_read_only) != 0 ? ", read only" : ", read and write";
    append_unless_zero(text, "unknown flags", reg.flags & ~shmem_buf_read_only);
    append_unless_zero(text, "reserved", reg.reserved);
    return text;
}

}  // namespace ashlar::uapi
