// SPDX-License-Identifier: MIT
#include "device/recovery.hpp"

#include "base/try.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace ashlar::device_room {

namespace {

// What a server must know of to serve: lanes other than ours.
constexpr std::uint64_t other_lanes =
    uapi::f_zoned | uapi::f_integrity | uapi::f_io_desc_size | uapi::f_shmem_zc;

error refused(std::uint32_t id, std::string why, std::string remedy, int code = 0) {
    return {.operation = "recover",
            .object = fmt::format("device {}", id),
            .code = code,
            .why = std::move(why),
            .remedy = std::move(remedy)};
}

result<> check_abilities(const plan& p, const target& served, const uapi::ctrl_dev_info& info,
                         const uapi::params& params) {
    const target_table& can = served.table();
    const std::uint32_t attrs = params.basic.attrs;
    const bool discards = (params.types & uapi::param_type_discard) != 0;
    const char* lacks = nullptr;
    if (p.read_only && (attrs & uapi::attr_read_only) == 0) lacks = "writes";
    if (p.flush_after_fua && (attrs & uapi::attr_volatile_cache) == 0) {
        lacks = "durable writes without a flush";
    }
    if (discards && params.discard.max_discard_sectors != 0 && !can.can_discard) lacks = "discards";
    if (discards && params.discard.max_write_zeroes_sectors != 0 && !can.can_write_zeroes) {
        lacks = "write-zeroes";
    }
    if (lacks == nullptr) return {};
    return failure(refused(
        info.dev_id, fmt::format("the device has promised {}, and the target has none", lacks),
        "recover it with a target like the one that it was made with"));
}

}  // namespace

result<> check_recovery_was_granted(os::machine& m, std::uint64_t wished,
                                    const uapi::ctrl_dev_info& made) {
    for (const uapi::feature& f : uapi::features()) {
        const bool of_recovery = (f.bit & (uapi::f_user_recovery | uapi::f_user_recovery_reissue |
                                           uapi::f_user_recovery_fail_io)) != 0;
        if (!of_recovery || (wished & ~made.flags & f.bit) == 0) continue;
        return failure({.operation = "ADD_DEV",
                        .object = fmt::format("device {}", made.dev_id),
                        .code = EOPNOTSUPP,
                        .why = fmt::format("this kernel ({}) has no {}, which came with Linux {}",
                                           m.version().text, f.name, f.since),
                        .remedy = "choose another mode of recovery, or none"});
    }
    return {};
}

result<> check_waits(const uapi::ctrl_dev_info& info) {
    if ((info.flags & uapi::f_user_recovery) == 0) {
        return failure(refused(info.dev_id, "it was made without recovery",
                               "remove it and make a new one, with a mode of recovery"));
    }
    switch (static_cast<uapi::device_state>(info.state)) {
        case uapi::device_state::quiesced:
        case uapi::device_state::fail_io: return {};
        case uapi::device_state::live:
            return failure(refused(
                info.dev_id, fmt::format("a server (pid {}) has it", info.ublksrv_pid),
                "end that server first; if it has ended just now, try again in a few seconds",
                EBUSY));
        case uapi::device_state::dead: break;
    }
    return failure(refused(info.dev_id, "it was stopped, or never started",
                           "remove it and make a new one: ashlar del"));
}

result<plan> plan_of_device(const options& wanted, const target& served, std::size_t page_bytes,
                            const uapi::ctrl_dev_info& info, const uapi::params& params) {
    const std::uint64_t size = params.basic.dev_sectors * uapi::sector_bytes;
    if (served.size() != size) {
        return failure(refused(info.dev_id,
                               fmt::format("the device has {}, and the target {}",
                                           uapi::bytes_text(size), uapi::bytes_text(served.size())),
                               "recover it with a target of the same size"));
    }
    // A target may be asked for larger blocks than its own, never for smaller ones.
    const std::uint32_t block = 1U << std::min<unsigned>(params.basic.logical_bs_shift, 31);
    const std::uint32_t own = served.geometry().logical_block;
    const std::uint32_t asked = wanted.block_size != 0 ? wanted.block_size : std::max(own, block);
    if (asked != block || own > block) {
        return failure(
            refused(info.dev_id,
                    fmt::format("the device has blocks of {} bytes, and the target of {}", block,
                                std::max(asked, own)),
                    "recover it with a target of the same block size"));
    }
    // Registration alone has no way for the request that could not be registered.
    const bool ours = (info.flags & uapi::f_user_copy) != 0;
    const std::uint64_t foreign =
        other_lanes | (ours ? 0 : uapi::f_auto_buf_reg | uapi::f_supp_zero_copy);
    if ((info.flags & foreign) != 0) {
        return failure(refused(info.dev_id,
                               fmt::format("it was made for a server that knows {}",
                                           uapi::flags_text(info.flags & foreign)),
                               "recover it with the program that made it"));
    }
    if ((info.flags & uapi::f_user_recovery_reissue) != 0) {
        ASHLAR_CHECK(check_fence(wanted, served));
    }
    options shape = wanted;
    shape.queues = info.nr_hw_queues;
    shape.depth = info.queue_depth;
    shape.max_io = info.max_io_buf_bytes;
    shape.block_size = block;
    shape.id = info.dev_id;
    ASHLAR_TRY(plan p, make_plan(shape, served, page_bytes, info.ublksrv_flags));
    ASHLAR_CHECK(check_abilities(p, served, info, params));
    p.info = info;
    p.params = params;
    p.read_only = (params.basic.attrs & uapi::attr_read_only) != 0;
    return p;
}

}  // namespace ashlar::device_room
