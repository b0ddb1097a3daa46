// SPDX-License-Identifier: MIT
// What every I/O command passes: up to Linux 6.16 in one order, from 6.17 on in another.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject all[] = {
    unknown_io,        fetch_req,    commit_and_fetch_req, need_get_data, register_io_buf,
    unregister_io_buf, prep_io_cmds, commit_io_cmds,       fetch_io_cmds,
};
constexpr subject with_slot[] = {
    unknown_io,      fetch_req,    commit_and_fetch_req, need_get_data,
    register_io_buf, prep_io_cmds, commit_io_cmds,       fetch_io_cmds,
};
constexpr subject of_owner[] = {
    unknown_io, commit_and_fetch_req, need_get_data, prep_io_cmds, commit_io_cmds, fetch_io_cmds,
};
constexpr subject not_fetch[] = {
    unknown_io,        commit_and_fetch_req, need_get_data,  register_io_buf,
    unregister_io_buf, prep_io_cmds,         commit_io_cmds, fetch_io_cmds,
};
constexpr subject not_get_data[] = {
    unknown_io,        fetch_req,    commit_and_fetch_req, register_io_buf,
    unregister_io_buf, prep_io_cmds, commit_io_cmds,       fetch_io_cmds,
};
constexpr subject of_owner_not_get_data[] = {
    unknown_io, commit_and_fetch_req, prep_io_cmds, commit_io_cmds, fetch_io_cmds,
};
constexpr subject fetch[] = {fetch_req};
constexpr subject answers[] = {commit_and_fetch_req, need_get_data};
constexpr subject get_data[] = {need_get_data};
constexpr subject registers[] = {register_io_buf};
constexpr subject registration[] = {register_io_buf, unregister_io_buf};
constexpr subject no_command[] = {unknown_io, prep_io_cmds, commit_io_cmds, fetch_io_cmds};
constexpr subject one_by_one[] = {fetch_req, commit_and_fetch_req, need_get_data, unknown_io};
constexpr subject others_of_batch[] = {prep_io_cmds, commit_io_cmds, fetch_io_cmds, register_io_buf,
                                       unregister_io_buf};

// A batch command on a device with batches has rules of its own.
maybe batch_way(const call& c) {
    return batch_device(c) && exact_io(c) && c.command_number.is([](std::uint32_t n) {
        return (n & 0xff) >= static_cast<std::uint8_t>(uapi::io_op::prep_io_cmds);
    });
}
maybe queue_rule(const kernel&, const call& c) { return !batch_way(c) && bad_queue(c); }
maybe tag_rule(const kernel&, const call& c) { return !batch_way(c) && bad_tag(c); }
maybe type_rule(const kernel& k, const call& c) { return !batch_device(c) && bad_type(k, c); }
maybe wants_data(const kernel&, const call& c) {
    return !batch_device(c) && holds(c.slot_wants_data);
}
maybe wants_no_data(const kernel&, const call& c) {
    return !batch_device(c) && !holds(c.slot_wants_data);
}
maybe not_owned(const kernel&, const call& c) { return !batch_device(c) && !holds(c.slot_owned); }
maybe not_batch(const kernel&, const call& c) { return !batch_device(c); }

constexpr std::string_view source = "ublk_ch_uring_cmd";
constexpr std::string_view queue_means = "The queue's number, q_id, is not less than nr_hw_queues";
constexpr std::string_view queue_mend =
    "use the nr_hw_queues that ADD_DEV gave back, which may be fewer than asked for; the payload "
    "begins at byte 48 of the entry";
constexpr std::string_view tag_means = "The tag is not less than queue_depth";
constexpr std::string_view tag_mend =
    "use tags from 0 to queue_depth - 1; the payload begins at byte 48 of the entry";
constexpr std::string_view get_data_means =
    "The driver has asked for a buffer (completion 1), and this command does not bring it";
constexpr std::string_view get_data_mend = "answer a completion of 1 with NEED_GET_DATA";
constexpr std::string_view no_get_data_means = "The driver has not asked for a buffer";
constexpr std::string_view no_get_data_mend =
    "send NEED_GET_DATA only after a completion of 1, and COMMIT_AND_FETCH_REQ after one of 0";
constexpr std::string_view unknown_means =
    "The driver does not know the command, or not for this device";
constexpr std::string_view unknown_mend =
    "ask GET_FEATURES what the driver can do; batch commands need a device made with BATCH_IO";

constexpr row rows[] = {
    // From 6.17 on.
    {.id = "IO-1",
     .about = all,
     .kernels = since(6, 17),
     .error = EOPNOTSUPP,
     .breaks = &type_rule,
     .means = "The type byte of sqe->cmd_op is not 'u' (0x75), nor 0 on a kernel that still takes "
              "bare numbers",
     .mend = "send the encoded number, UBLK_U_IO_…",
     .source = source},
    {.id = "IO-2",
     .about = registration,
     .kernels = since(6, 17),
     .what = effect::silently,
     .means = "UNREGISTER_IO_BUF is done at once: q_id, tag and thread are not looked at",
     .mend = "nothing",
     .source = source},
    {.id = "IO-3",
     .about = with_slot,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &queue_rule,
     .means = queue_means,
     .mend = queue_mend,
     .source = source},
    {.id = "IO-4",
     .about = with_slot,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &tag_rule,
     .means = tag_means,
     .mend = tag_mend,
     .source = source},
    {.id = "B-0",
     .about = one_by_one,
     .kernels = since(7, 0),
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return batch_device(c); },
     .means = "The device was made with BATCH_IO, and takes no command for a single tag",
     .mend = "use PREP_IO_CMDS, COMMIT_IO_CMDS and FETCH_IO_CMDS, or make it without BATCH_IO",
     .source = "ublk_ch_batch_io_uring_cmd"},
    {.id = "B-0",
     .about = others_of_batch,
     .kernels = since(7, 0),
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return batch_device(c) && !exact_io(c); },
     .means = "A device with BATCH_IO knows commands by their exact encoded numbers only",
     .mend = "send the encoded number, UBLK_U_IO_…",
     .source = "ublk_ch_batch_io_uring_cmd"},
    {.id = "IO-6",
     .about = of_owner,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !batch_device(c) && !holds(c.caller_owns_slot); },
     .means =
         "The tag belongs to the thread that fetched it, and that is not the caller (or nobody "
         "has fetched it)",
     .mend = "send the command from the thread (not only the process) that sent FETCH_REQ",
     .source = source},
    {.id = "IO-7",
     .about = of_owner,
     .kernels = since(6, 17),
     .error = EBUSY,
     .breaks = &not_owned,
     .means = "The server has no request of this tag: it committed twice, or before one came",
     .mend = "commit a tag once for each completion of 0",
     .source = source},
    {.id = "IO-7",
     .about = registers,
     .kernels = since(6, 17),
     .error = EBUSY,
     .breaks =
         [](auto&, auto& c) {
             return !batch_device(c) && holds(c.caller_owns_slot) && !holds(c.slot_owned);
         },
     .means = "The server has no request of this tag whose pages could be registered",
     .mend = "register between a request's completion and its commit",
     .source = source},
    {.id = "IO-8",
     .about = of_owner_not_get_data,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &wants_data,
     .means = get_data_means,
     .mend = get_data_mend,
     .source = source},
    {.id = "IO-8",
     .about = registers,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = [](auto& k, auto& c) { return holds(c.caller_owns_slot) && wants_data(k, c); },
     .means = get_data_means,
     .mend = get_data_mend,
     .source = source},
    {.id = "IO-8",
     .about = get_data,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &wants_no_data,
     .means = no_get_data_means,
     .mend = no_get_data_mend,
     .source = source},
    {.id = "IO-9",
     .about = no_command,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &not_batch,
     .means = unknown_means,
     .mend = unknown_mend,
     .source = source},

    // Up to 6.16.
    {.id = "IO-3",
     .about = all,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &queue_rule,
     .means = queue_means,
     .mend = queue_mend,
     .source = source},
    {.id = "IO-6",
     .about = all,
     .kernels = until(6, 16),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return holds(c.other_daemon); },
     .means = "The queue belongs to the thread that sent its last FETCH_REQ, and that is not the "
              "caller",
     .mend = "fetch and serve all tags of a queue from one thread",
     .source = source},
    {.id = "IO-4",
     .about = all,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &tag_rule,
     .means = tag_means,
     .mend = tag_mend,
     .source = source},
    {.id = "IO-6",
     .about = not_fetch,
     .kernels = between({6, 16}, {6, 17}),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.caller_owns_slot); },
     .means = "The tag belongs to the thread that fetched it, and that is not the caller",
     .mend = "send the command from the thread that sent FETCH_REQ",
     .source = source},
    {.id = "FETCH-6",
     .about = fetch,
     .kernels = until(6, 17),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.slot_active); },
     .means = "The tag has been fetched already, and its command waits in the driver",
     .mend = "fetch a tag once; afterwards COMMIT_AND_FETCH_REQ fetches it again",
     .source = source},
    {.id = "IO-7",
     .about = not_fetch,
     .kernels = until(6, 17),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.slot_active); },
     .means = "The tag's command waits in the driver: the server committed twice, or before a "
              "request came",
     .mend = "commit a tag once for each completion of 0",
     .source = source},
    {.id = "IO-8",
     .about = not_get_data,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &wants_data,
     .means = get_data_means,
     .mend = get_data_mend,
     .source = source},
    {.id = "IO-8",
     .about = get_data,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &wants_no_data,
     .means = no_get_data_means,
     .mend = no_get_data_mend,
     .source = source},
    {.id = "IO-1",
     .about = all,
     .kernels = between({6, 4}, {6, 17}),
     .error = EOPNOTSUPP,
     .breaks = &type_rule,
     .means = "The type byte of sqe->cmd_op is not 'u' (0x75), nor 0 on a kernel that still takes "
              "bare numbers",
     .mend = "send the encoded number, UBLK_U_IO_…",
     .source = source},
    {.id = "IO-9",
     .about = all,
     .kernels = until(6, 4),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.command_number > 0xff; },
     .means = "This kernel knows bare numbers only, and the number is encoded",
     .mend = "send the bare number (FETCH_REQ is 0x20) before Linux 6.4",
     .source = source},
    {.id = "IO-9",
     .about = no_command,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &always,
     .means = unknown_means,
     .mend = unknown_mend,
     .source = source},
    {.id = "IO-9",
     .about = registration,
     .kernels = until(6, 15),
     .error = EINVAL,
     .breaks = &always,
     .means = unknown_means,
     .mend = unknown_mend,
     .source = source},
    {.id = "IO-7",
     .about = answers,
     .kernels = until(6, 17),
     .error = EINVAL,
     .breaks = &not_owned,
     .means = "The server has no request of this tag, and has not fetched it either",
     .mend = "fetch first, and commit once for each completion of 0",
     .source = source},
};

}  // namespace

std::span<const row> io_rows() { return rows; }

}  // namespace ashlar::rules
