// SPDX-License-Identifier: MIT
// What io_uring looks at before the driver sees anything.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject commands[] = {
    entry,
    unknown_control,
    get_features,
    add_dev,
    set_params,
    get_params,
    start_dev,
    stop_dev,
    try_stop_dev,
    del_dev,
    del_dev_async,
    get_dev_info,
    get_dev_info2,
    get_queue_affinity,
    start_user_recovery,
    end_user_recovery,
    update_size,
    quiesce_dev,
    reg_buf,
    unreg_buf,
    unknown_io,
    fetch_req,
    commit_and_fetch_req,
    need_get_data,
    register_io_buf,
    unregister_io_buf,
    prep_io_cmds,
    commit_io_cmds,
    fetch_io_cmds,
};

constexpr std::uint8_t op_uring_cmd = 46, op_uring_cmd128 = 64;
constexpr std::uint8_t entry_flag_buffer_select = 1u << 5, all_entry_flags = 0x7f;
constexpr std::uint32_t command_fixed = 1u << 0, command_multishot = 1u << 1;

maybe is_uring_cmd(const call& c) {
    return c.opcode == op_uring_cmd || c.opcode == op_uring_cmd128;
}
maybe buffer_select(const call& c) {
    return c.entry_flags.is([](auto f) { return (f & entry_flag_buffer_select) != 0; });
}
maybe multishot(const call& c) {
    return c.command_flags.is([](auto f) { return (f & command_multishot) != 0; });
}
constexpr bool has_multishot(const kernel& k) { return k.at_least(6, 18); }

constexpr row rows[] = {
    {.id = "U-1",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto& k, auto& c) { return c.opcode >= k.opcodes(); },
     .means = "The opcode is beyond those that this kernel's io_uring has",
     .mend = "set sqe->opcode to IORING_OP_URING_CMD, which is 46 in every version",
     .source = "io_init_req"},
    {.id = "U-2",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.entry_flags.is([](auto f) { return (f & ~all_entry_flags) != 0; });
         },
     .means = "sqe->flags has a bit that io_uring does not know",
     .mend = "set only IOSQE_… bits in sqe->flags (0 to 6), and clear entries before use",
     .source = "io_init_req"},
    {.id = "U-3",
     .about = commands,
     .stage = stage::ring,
     .error = EOPNOTSUPP,
     .breaks = [](auto& k,
                  auto& c) { return !has_multishot(k) && is_uring_cmd(c) && buffer_select(c); },
     .means = "IOSQE_BUFFER_SELECT is set, and this kernel's URING_CMD can't choose buffers",
     .mend = "clear IOSQE_BUFFER_SELECT; only FETCH_IO_CMDS (7.0) uses it",
     .source = "io_init_req"},
    {.id = "U-4",
     .about = commands,
     .stage = stage::ring,
     .error = EACCES,
     .breaks = [](auto&, auto& c) { return holds(c.restricted); },
     .means = "The ring was restricted, and this operation is not among those that it allows",
     .mend = "allow IORING_OP_URING_CMD with IORING_REGISTER_RESTRICTIONS, or use another ring",
     .source = "io_check_restriction"},
    {.id = "U-5",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return c.ioprio != 0; },
     .means = "sqe->ioprio is set, which URING_CMD does not take",
     .mend = "set sqe->ioprio to 0",
     .source = "io_init_req"},
    {.id = "U-6",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return holds(c.polled_ring) && !is_uring_cmd(c); },
     .means = "The ring polls for completions (IORING_SETUP_IOPOLL), and this opcode can't",
     .mend = "make the ring without IORING_SETUP_IOPOLL",
     .source = "io_init_req"},
    {.id = "U-7",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.personality_known); },
     .means = "sqe->personality names none that was registered with the ring",
     .mend = "set sqe->personality to 0, or register the personality first",
     .source = "io_init_req"},
    {.id = "U-1",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto&,
                  auto& c) { return !is_uring_cmd(c) && !holds(c.fields_of_other_opcode_clear); },
     .means = "The opcode is another operation's, which wants fields to be zero that carry the "
              "command here; the driver is never entered (50 is WAITID)",
     .mend = "set sqe->opcode to IORING_OP_URING_CMD, which is 46",
     .source = "the other operation's preparation"},
    {.id = "U-8",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return is_uring_cmd(c) && c.pad1 != 0; },
     .means = "The 4 bytes behind sqe->cmd_op (offset 12, __pad1) are not zero",
     .mend = "clear the whole entry before filling it; cmd_op has 32 bits, not 64",
     .source = "io_uring_cmd_prep"},
    {.id = "U-9",
     .about = commands,
     .stage = stage::ring,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             std::uint32_t known = k.at_least(6, 1) ? command_fixed : 0u;
             if (has_multishot(k)) known |= command_multishot;
             return is_uring_cmd(c) &&
                    c.command_flags.is([known](auto f) { return (f & ~known) != 0; });
         },
     .means = "sqe->uring_cmd_flags (offset 28) has a bit that this kernel does not know",
     .mend = "set uring_cmd_flags to 0, and to IORING_URING_CMD_MULTISHOT for FETCH_IO_CMDS alone",
     .source = "io_uring_cmd_prep"},
    {.id = "U-10",
     .about = commands,
     .kernels = since(6, 18),
     .stage = stage::ring,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return is_uring_cmd(c) && c.command_flags.is([](auto f) {
                 return (f & command_fixed) != 0 && (f & command_multishot) != 0;
             });
         },
     .means = "A command can't have a fixed buffer and be multishot",
     .mend = "clear IORING_URING_CMD_FIXED in sqe->uring_cmd_flags",
     .source = "io_uring_cmd_prep"},
    {.id = "U-11",
     .about = commands,
     .kernels = since(6, 18),
     .stage = stage::ring,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             const maybe chooses = buffer_select(c), many = multishot(c);
             return is_uring_cmd(c) && ((chooses && !many) || (!chooses && many));
         },
     .means = "IORING_URING_CMD_MULTISHOT and IOSQE_BUFFER_SELECT go together, and one is missing",
     .mend = "set both for FETCH_IO_CMDS, and none for other commands",
     .source = "io_uring_cmd_prep"},
    {.id = "U-15",
     .about = commands,
     .stage = stage::ring,
     .error = EBADF,
     .breaks = [](auto&, auto& c) { return c.file == call::file_kind::none; },
     .means = "sqe->fd is no open file (or, with IOSQE_FIXED_FILE, an empty place of the table)",
     .mend = "set sqe->fd to the descriptor of /dev/ublk-control or /dev/ublkcN",
     .source = "io_assign_file"},
    {.id = "U-12",
     .about = commands,
     .stage = stage::ring,
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return c.file == call::file_kind::other; },
     .means = "sqe->fd is a file that takes no commands, so it is not one of the driver's",
     .mend = "set sqe->fd to the descriptor of /dev/ublk-control or /dev/ublkcN",
     .source = "io_uring_cmd"},
    {.id = "U-13",
     .about = commands,
     .stage = stage::ring,
     .breaks = [](auto&, auto& c) { return c.lsm_error != 0; },
     .error_of = [](auto& c) { return c.lsm_error.value(); },
     .means = "A security module of the kernel (SELinux, Smack, …) refuses the command",
     .mend = "look at the audit log; allow the io_uring command for this process",
     .source = "security_uring_cmd"},
    {.id = "U-14",
     .about = commands,
     .kernels = until(6, 19),
     .stage = stage::ring,
     .error = EOPNOTSUPP,
     .breaks = [](auto&, auto& c) { return holds(c.polled_ring); },
     .means = "The ring polls for completions (IORING_SETUP_IOPOLL), and ublk's files can't",
     .mend = "make the ring without IORING_SETUP_IOPOLL",
     .source = "io_uring_cmd"},
};

}  // namespace

std::span<const row> ring_rows() { return rows; }

}  // namespace ashlar::rules
