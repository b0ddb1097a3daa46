// SPDX-License-Identifier: MIT
#include "step.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <cstring>

namespace agree {

namespace {

constexpr const char* op_names[] = {
    "submit",     "open",         "close",     "map",        "unmap",     "protect",
    "pread",      "pwrite",       "disk_open", "disk_close", "disk_read", "disk_write",
    "disk_flush", "disk_discard", "disk_zero", "table",      "provide",   "ring_close",
    "thread_end", "kill",         "mode"};
constexpr const char* place_names[] = {"none",   "bad",    "payload", "edge",
                                       "buffer", "number", "area"};
constexpr const char* file_names[] = {"control", "device", "disk", "null", "regular", "closed"};

template <class T, class U>
void differs(std::string& to, const char* name, T value, U ordinary) {
    if (value != static_cast<T>(ordinary))
        fmt::format_to(std::back_inserter(to), " {}={}", name, value);
}

template <class T>
T payload_as(const step& s) {
    T value{};
    std::memcpy(&value, s.payload.data(), std::min(sizeof value, s.payload.size()));
    return value;
}

std::string params_brief(const step& s) {
    const auto p = payload_as<uapi::params>(s);
    std::string t = fmt::format(" {{len={} types={:#x}", p.len, p.types);
    if ((p.types & uapi::param_type_basic) != 0) {
        fmt::format_to(std::back_inserter(t), " basic={},{},{},{},{},{},{},{}", p.basic.attrs,
                       p.basic.logical_bs_shift, p.basic.physical_bs_shift, p.basic.io_opt_shift,
                       p.basic.io_min_shift, p.basic.max_sectors, p.basic.chunk_sectors,
                       p.basic.dev_sectors);
    }
    if ((p.types & uapi::param_type_discard) != 0) {
        fmt::format_to(std::back_inserter(t), " discard={},{},{},{}", p.discard.discard_granularity,
                       p.discard.max_discard_sectors, p.discard.max_write_zeroes_sectors,
                       p.discard.max_discard_segments);
    }
    if ((p.types & uapi::param_type_zoned) != 0) {
        fmt::format_to(std::back_inserter(t), " zoned={},{},{}", p.zoned.max_open_zones,
                       p.zoned.max_active_zones, p.zoned.max_zone_append_sectors);
    }
    if ((p.types & uapi::param_type_dma_align) != 0) {
        fmt::format_to(std::back_inserter(t), " dma={}", p.dma.alignment);
    }
    if ((p.types & uapi::param_type_segment) != 0) {
        fmt::format_to(std::back_inserter(t), " seg={:#x},{},{}", p.seg.seg_boundary_mask,
                       p.seg.max_segment_size, p.seg.max_segments);
    }
    if ((p.types & uapi::param_type_integrity) != 0) {
        fmt::format_to(std::back_inserter(t), " integrity={},{},{},{},{}", p.integrity.flags,
                       p.integrity.interval_exp, p.integrity.metadata_size, p.integrity.pi_offset,
                       p.integrity.csum_type);
    }
    return t + "}";
}

std::string payload_brief(const step& s) {
    if (s.payload.empty()) return {};
    const auto command = uapi::decode(s.command);
    if (command.nr == uapi::raw(uapi::ctrl_op::add_dev)) {
        const auto i = payload_as<uapi::ctrl_dev_info>(s);
        std::string t =
            fmt::format(" {{{}x{} io={} id={:#x} flags={}", i.nr_hw_queues, i.queue_depth,
                        i.max_io_buf_bytes, i.dev_id, uapi::flags_text(i.flags));
        differs(t, "desc", i.io_desc_size, 0);
        differs(t, "state", i.state, 0);
        return t + "}";
    }
    if (command.nr == uapi::raw(uapi::ctrl_op::set_params)) return params_brief(s);
    if (s.batch || s.writes == gives::nothing) {
        std::string t = " {";
        for (std::byte b : s.payload) {
            fmt::format_to(std::back_inserter(t), "{:02x}", std::to_integer<unsigned>(b));
        }
        return t + "}";
    }
    return {};
}

void control_text(std::string& t, const step& s) {
    if (s.dev_id) fmt::format_to(std::back_inserter(t), " id={:#x}", *s.dev_id);
    differs(t, "queue", s.queue_id, uapi::queue_id_none);
    differs(t, "len", s.header_len, 0);
    if (s.at != place::none)
        fmt::format_to(std::back_inserter(t), " at={}", place_names[int(s.at)]);
    differs(t, "number", s.number, 0U);
    differs(t, "data", s.data0, 0U);
    if (s.pid_of) fmt::format_to(std::back_inserter(t), " data=pid:p{}", *s.pid_of);
    if (s.path) {
        std::string shown = *s.path;
        for (char& c : shown) c = c == 0 ? '?' : c;
        fmt::format_to(std::back_inserter(t), " path={}", shown);
    }
    if (s.path_len) fmt::format_to(std::back_inserter(t), " path_len={}", *s.path_len);
    if (s.own_area) t += " own";
    if (s.served) t += " served";
}

void io_text(std::string& t, const step& s) {
    if (s.batch) {
        fmt::format_to(std::back_inserter(t), " q{} n={} bytes={} flags={}", s.queue, s.elements,
                       s.element_bytes, uapi::batch_flags_text(s.batch_flags));
    } else {
        fmt::format_to(std::back_inserter(t), " {}.{}", s.queue, s.tag);
        differs(t, "result", s.result, 0);
    }
    fmt::format_to(std::back_inserter(t), " at={}", place_names[int(s.at)]);
    differs(t, "number", s.number, 0U);
}

void submit_text(std::string& t, const step& s) {
    fmt::format_to(std::back_inserter(t), ".r{} {}", s.ring, uapi::command_text(s.command));
    if (s.target != file::control) t += fmt::format(" {:c}", 'a' + s.dev);
    else if (!s.dev_id) t += fmt::format(" {:c}", 'a' + s.dev);
    if (s.target != (s.control ? file::control : file::device)) {
        fmt::format_to(std::back_inserter(t), " file={}", file_names[int(s.target)]);
    }
    differs(t, "opcode", unsigned{s.opcode}, 46U);
    differs(t, "entry_flags", unsigned{s.entry_flags}, 0U);
    differs(t, "ioprio", s.ioprio, 0);
    differs(t, "pad1", s.pad1, 0U);
    differs(t, "command_flags", s.command_flags, 0U);
    differs(t, "entry_addr", s.entry_addr, 0U);
    differs(t, "group", s.group, 0);
    differs(t, "personality", s.personality, 0);
    if (s.control) control_text(t, s);
    else io_text(t, s);
    t += payload_brief(s);
}

}  // namespace

std::string text_of(const step& s) {
    std::string t = fmt::format("p{}.t{}", s.process, s.thread);
    if (s.what == op::submit) {
        submit_text(t, s);
        return t;
    }
    if (s.what == op::kill) return fmt::format("p{} kill", s.process);
    fmt::format_to(std::back_inserter(t), " {} {:c}", op_names[int(s.what)], 'a' + s.dev);
    if (s.what == op::map || s.what == op::unmap) differs(t, "queue", s.queue, 0);
    if (s.what == op::mode) fmt::format_to(std::back_inserter(t), " {}", file_names[int(s.target)]);
    if (s.what == op::table || s.what == op::provide || s.what == op::ring_close) {
        fmt::format_to(std::back_inserter(t), " r{}", s.ring);
    }
    if (s.flags != 0) fmt::format_to(std::back_inserter(t), " flags={:#o}", s.flags);
    if (s.at == place::bad) t += " at=bad";
    differs(t, "length", s.length, 0U);
    if (s.position != 0) fmt::format_to(std::back_inserter(t), " position={:#x}", s.position);
    return t;
}

std::string errno_text(long result) {
    if (result < 0) {
        if (const char* name = strerrorname_np(static_cast<int>(-result)); name != nullptr) {
            return fmt::format("-{}", name);
        }
    }
    return fmt::format("{}", result);
}

}  // namespace agree
