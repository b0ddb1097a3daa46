// SPDX-License-Identifier: MIT
// What came of a submission, as text that is the same on every machine.
#include "actor.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace agree {

namespace {

std::string pid_text(const board& b, std::int32_t pid) {
    for (unsigned i = 0; i < processes_max; ++i) {
        if (pid > 0 && b.pids[i] == pid) return fmt::format("p{}", i);
    }
    return fmt::format("{}", pid);
}

std::string info_text(const board& b, const uapi::ctrl_dev_info& i) {
    return fmt::format("{{id={} {}x{} {} desc={} io={} pid={} flags={} mine={:#x} owner={}:{}}}",
                       i.dev_id, i.nr_hw_queues, i.queue_depth,
                       uapi::to_string(static_cast<uapi::device_state>(i.state)), i.io_desc_size,
                       i.max_io_buf_bytes, pid_text(b, i.ublksrv_pid), uapi::flags_text(i.flags),
                       i.ublksrv_flags, i.owner_uid, i.owner_gid);
}

// Majors, and the minors of disks, are the machine's own: only whether there is one.
std::string params_text(const uapi::params& p) {
    const auto& b = p.basic;
    return fmt::format(
        "{{len={} types={:#x} basic={},{},{},{},{},{},{},{},{:#x} "
        "discard={},{},{},{},{} devt={}:{},{} zoned={},{},{} dma={} "
        "seg={:#x},{},{} integrity={},{},{},{},{},{},{}}}",
        p.len, p.types, b.attrs, b.logical_bs_shift, b.physical_bs_shift, b.io_opt_shift,
        b.io_min_shift, b.max_sectors, b.chunk_sectors, b.dev_sectors, b.virt_boundary_mask,
        p.discard.discard_alignment, p.discard.discard_granularity, p.discard.max_discard_sectors,
        p.discard.max_write_zeroes_sectors, p.discard.max_discard_segments,
        p.devt.char_major != 0 ? "M" : "0", p.devt.char_minor, p.devt.disk_major != 0 ? "M" : "0",
        p.zoned.max_open_zones, p.zoned.max_active_zones, p.zoned.max_zone_append_sectors,
        p.dma.alignment, p.seg.seg_boundary_mask, p.seg.max_segment_size, p.seg.max_segments,
        p.integrity.flags, p.integrity.max_integrity_segments, p.integrity.interval_exp,
        p.integrity.metadata_size, p.integrity.pi_offset, p.integrity.csum_type,
        p.integrity.tag_size);
}

template <class T>
T read_as(const std::byte* from) {
    T value{};
    std::memcpy(static_cast<void*>(&value), from, sizeof value);
    return value;
}

}  // namespace

std::optional<std::string> actor::completion(ring& on, const io_uring_cqe& c) {
    const auto number = static_cast<unsigned>(c.user_data);
    const step& s = sequence_.steps[number];
    return s.control ? control_outcome(s, number, c.res) : io_outcome(s, on, c);
}

std::string actor::control_outcome(const step& s, unsigned number, long result) {
    std::string text = errno_text(result);
    const auto found = payloads_.find(number);
    if (found == payloads_.end() || s.writes == gives::nothing) return text;
    const std::byte* answer = found->second + (s.path ? s.path->size() : 0);
    if (result < 0 || s.at != place::payload) {
        const bool same = std::ranges::equal(s.payload, std::span(answer, s.payload.size()));
        if (!same) text += " payload changed";
        return text;
    }
    switch (s.writes) {
        case gives::nothing: break;
        case gives::info: {
            const auto info = read_as<uapi::ctrl_dev_info>(answer);
            if (uapi::decode(s.command).nr == uapi::raw(uapi::ctrl_op::add_dev)) {
                auto& d = board_.devices[s.dev];
                d.flags = info.flags;
                d.queues = info.nr_hw_queues;
                d.depth = info.queue_depth;
                d.desc_bytes = info.io_desc_size == 0 ? 24U : info.io_desc_size;
                d.id = static_cast<std::int32_t>(info.dev_id);
            }
            text += " " + info_text(board_, info);
            break;
        }
        case gives::params: text += " " + params_text(read_as<uapi::params>(answer)); break;
        case gives::features: text += fmt::format(" {:#x}", read_as<std::uint64_t>(answer)); break;
        case gives::affinity:
            text += fmt::format(" cpus={:#x},{:#x}", read_as<std::uint64_t>(answer),
                                read_as<std::uint64_t>(answer + 8));
            break;
    }
    return text;
}

std::string actor::request_text(const step& s, unsigned queue, unsigned tag, bool with_data) {
    const uapi::io_desc* shown = descriptor(s.dev, queue, tag);
    if (shown == nullptr) return {};
    uapi::io_desc request;
    std::memcpy(&request, shown, sizeof request);
    const uapi::op what = uapi::op_of(request.op_flags);
    std::string text =
        fmt::format(" {{{} {}+{}", uapi::to_string(what), request.start_sector, request.nr_sectors);
    if (const std::uint32_t flags = uapi::flags_of(request.op_flags); flags != 0) {
        text += " " + uapi::io_flags_text(request.op_flags);
    }
    const std::byte* buffer = process_.buffer(s.dev, queue, tag);
    if (request.addr == reinterpret_cast<std::uintptr_t>(buffer)) {
        text += " buffer";
        if (what == uapi::op::write && with_data) {
            text += fmt::format(" first={:#x}", std::to_integer<unsigned>(*buffer));
        }
    } else if (request.addr != 0) {
        text += fmt::format(" addr={:#x}", request.addr);
    }
    return text + "}";
}

std::string actor::io_outcome(const step& s, ring& on, const io_uring_cqe& c) {
    std::string text = errno_text(c.res);
    const auto nr = static_cast<uapi::io_op>(uapi::decode(s.command).nr);
    if (s.opcode != IORING_OP_URING_CMD || c.res < 0) {
        return text + ((c.flags & IORING_CQE_F_MORE) != 0 ? " more" : "");
    }
    if (nr == uapi::io_op::fetch_io_cmds) {
        const std::vector<std::uint16_t> tags = tags_of(on, c);
        for (std::uint16_t tag : tags) {
            text += request_text(s, s.queue, tag, true);
            process_.last_tag[s.dev][s.queue % queues_max] = tag;
        }
        recycle(on, c.flags);
        return text + ((c.flags & IORING_CQE_F_MORE) != 0 ? " more" : "");
    }
    const bool delivers = nr == uapi::io_op::fetch_req || nr == uapi::io_op::commit_and_fetch_req ||
                          nr == uapi::io_op::need_get_data;
    if (delivers && c.res <= 1) text += request_text(s, s.queue, s.tag, c.res == 0);
    return text;
}

}  // namespace agree
