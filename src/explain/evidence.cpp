// SPDX-License-Identifier: MIT
#include "explain/evidence.hpp"

#include "explain/opcodes.hpp"
#include "uapi/print.hpp"

#include <algorithm>

namespace ashlar::explain {

using rules::subject;

namespace {

template <class T>
void copy_front(T& to, std::span<const std::uint8_t> bytes) {
    if (!bytes.empty()) std::memcpy(&to, bytes.data(), std::min(sizeof to, bytes.size()));
}

bool is_batch(subject s) {
    return s == subject::prep_io_cmds || s == subject::commit_io_cmds ||
           s == subject::fetch_io_cmds;
}

// Whether fields are clear that another operation wants to be; known for few of them.
rules::fact<bool> clear_for(std::uint8_t opcode, std::span<const std::uint8_t> b) {
    constexpr std::uint8_t waitid = 50, futex_wait = 51, futex_waitv = 53;
    const auto addr = load<std::uint64_t>(b, 16);
    const auto flags = load<std::uint32_t>(b, 28);
    const auto index = load<std::uint16_t>(b, 40);
    if (opcode == waitid) {
        return addr == 0 && flags == 0 && index == 0 && load<std::uint64_t>(b, 48) == 0;
    }
    if (opcode >= futex_wait && opcode < futex_waitv) {
        if (load<std::uint32_t>(b, 24) != 0 || flags != 0 || index != 0) return false;
    }
    return {};
}

}  // namespace

subject subject_of_number(std::uint32_t number) {
    const auto nr = uapi::decode(number).nr;
    const auto control = static_cast<uapi::ctrl_op>(nr);
    const auto io = static_cast<uapi::io_op>(nr);
    if (uapi::is_known(control)) return rules::subject_of(control);
    if (uapi::is_known(io)) return rules::subject_of(io);
    return uapi::decode(number).size == uapi::io_cmd_bytes ? subject::unknown_io
                                                           : subject::unknown_control;
}

std::string_view name(subject s) {
    for (uapi::ctrl_op op : uapi::ctrl_ops) {
        if (rules::subject_of(op) == s) return uapi::name(op);
    }
    for (uapi::io_op op : uapi::io_ops) {
        if (rules::subject_of(op) == s) return uapi::name(op);
    }
    switch (s) {
        case subject::prep_element: return "element of PREP_IO_CMDS";
        case subject::commit_element: return "element of COMMIT_IO_CMDS";
        case subject::open_char: return "open of /dev/ublkcN";
        case subject::map_descriptors: return "mmap of /dev/ublkcN";
        case subject::read_data: return "pread of /dev/ublkcN";
        case subject::write_data: return "pwrite of /dev/ublkcN";
        case subject::open_block: return "open of /dev/ublkbN";
        case subject::unknown_control: return "unknown control command";
        case subject::unknown_io: return "unknown I/O command";
        default: return "submission entry";
    }
}

bool is_control(subject s) { return s >= subject::unknown_control && s < subject::unknown_io; }
bool is_file(subject s) { return s >= subject::open_char; }

void evidence::take_command(std::uint32_t number) {
    c.command_number = number;
    about = subject_of_number(number);
}

void evidence::take_entry(std::span<const std::uint8_t> b) {
    if (b.size() < 64) return;
    entry_bytes = b.size();
    c.opcode = b[0];
    c.entry_flags = b[1];
    c.ioprio = load<std::uint16_t>(b, 2);
    if (load<std::int32_t>(b, 4) < 0) c.file = rules::call::file_kind::none;
    take_command(load<std::uint32_t>(b, 8));
    c.pad1 = load<std::uint32_t>(b, 12);
    c.entry_address = load<std::uint64_t>(b, 16);
    c.command_flags = load<std::uint32_t>(b, 28);
    c.multishot = (c.command_flags.value() & 2) != 0;
    personality_set = load<std::uint16_t>(b, 42) != 0;
    if (!personality_set) c.personality_known = true;
    if (b.size() >= 128 || b[0] == opcode_uring_cmd128) c.wide_entry = true;
    if (!is_uring_cmd(b[0])) c.fields_of_other_opcode_clear = clear_for(b[0], b);
    const auto payload = b.subspan(48);
    if (is_control(about)) {
        take_header(payload.first(std::min<std::size_t>(payload.size(), 32)));
        header_at = misplaced_header(b);
    } else if (is_batch(about)) {
        take_batch(payload.first(16));
    } else {
        take_io(payload.first(16));
    }
}

void evidence::take_header(std::span<const std::uint8_t> b) {
    if (b.size() < 16) return;
    uapi::ctrl_cmd h;
    copy_front(h, b);
    header_seen = true;
    c.dev_id = h.dev_id;
    c.queue_id = h.queue_id;
    c.length = h.len;
    c.address = h.addr;
    if (h.dev_id == uapi::device_id_auto && about != subject::add_dev) c.device_exists = false;
    if (b.size() >= 24) c.data = h.data[0];
    if (b.size() >= 32) c.path_length = h.dev_path_len;
}

void evidence::take_info(std::span<const std::uint8_t> b) {
    copy_front(info, b);
    c.info = &info;
    c.payload_readable = true;
}

void evidence::take_device(std::span<const std::uint8_t> b) {
    uapi::ctrl_dev_info i;
    copy_front(i, b);
    c.flags = i.flags;
    c.queues = i.nr_hw_queues;
    c.depth = i.queue_depth;
    c.max_io = i.max_io_buf_bytes;
    c.descriptor_bytes = i.io_desc_size == 0 ? uapi::io_desc_size_default : i.io_desc_size;
    // What ADD_DEV gave back is dead; the device may have been started since.
    if (i.state != 0) c.state = static_cast<uapi::device_state>(i.state);
}

void evidence::take_params(std::span<const std::uint8_t> b) {
    const std::size_t cut = std::min<std::size_t>(
        {b.size(), sizeof params, kernel.params_bytes(), load<std::uint32_t>(b, 0)});
    params = {};
    copy_front(params, b.first(cut));
    c.params_length = load<std::uint32_t>(b, 0);
    c.params_types = load<std::uint32_t>(b, 4);
    params.types = c.params_types.value() & kernel.param_types();
    c.params = &params;
    c.payload_head_readable = c.payload_readable = true;
}

void evidence::take_io(std::span<const std::uint8_t> b) {
    uapi::io_cmd i;
    copy_front(i, b);
    c.q_id = i.q_id;
    c.tag = i.tag;
    c.result = i.result;
    c.io_address = i.addr;
}

void evidence::take_batch(std::span<const std::uint8_t> b) {
    copy_front(batch, b);
    c.batch = &batch;
    c.q_id = batch.q_id;
}

void evidence::take_buffer(std::span<const std::uint8_t> b) {
    copy_front(buffer, b);
    c.buffer = &buffer;
    c.payload_readable = true;
}

bool evidence::take(shape s, std::span<const std::uint8_t> bytes) {
    switch (s) {
        case shape::entry: take_entry(bytes); return true;
        case shape::header: take_header(bytes); return true;
        case shape::info:
            about == subject::add_dev ? take_info(bytes) : take_device(bytes);
            return true;
        case shape::params: take_params(bytes); return true;
        case shape::io: take_io(bytes); return true;
        case shape::batch: take_batch(bytes); return true;
        case shape::buffer: take_buffer(bytes); return true;
        case shape::descriptor: return false;
    }
    return false;
}

void evidence::settle() {
    rules::fill_payload(kernel, c);
    // Without a path it is a device with privileges, or the path's own rules refuse.
    if ((c.path_length == 0).yes() && about != subject::get_dev_info2) {
        if (!c.payload_length.known()) c.payload_length = c.length;
        if (!c.payload_address.known()) c.payload_address = c.address;
    }
    if (c.opcode.known() && !is_uring_cmd(c.opcode.value()) &&
        c.opcode.value() < kernel.opcodes() && !c.fields_of_other_opcode_clear.known() &&
        c.opcode.value() == 50 && (c.entry_address != 0).yes()) {
        c.fields_of_other_opcode_clear = false;
    }
}

}  // namespace ashlar::explain
