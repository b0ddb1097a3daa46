// SPDX-License-Identifier: MIT
// The commands of a device with BATCH_IO: their headers, and their elements one by one.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject headers[] = {prep_io_cmds, commit_io_cmds};
constexpr subject prep[] = {prep_io_cmds};
constexpr subject commit[] = {commit_io_cmds};
constexpr subject fetch[] = {fetch_io_cmds};
constexpr subject elements[] = {prep_element, commit_element};
constexpr subject prepared[] = {prep_element};
constexpr subject committed[] = {commit_element};

using batch = const uapi::batch_io*;

constexpr std::uint16_t all_flags =
    uapi::batch_f_has_zone_lba | uapi::batch_f_has_buf_addr | uapi::batch_f_auto_buf_reg_fallback;

maybe flag(const call& c, std::uint16_t mask) {
    return c.batch.is([mask](batch b) { return (b->flags & mask) != 0; });
}
maybe bad_batch_queue(const kernel&, const call& c) {
    return c.batch.is([](batch b) { return b->q_id != 0; }) &&
           both(c.batch, c.queues, [](batch b, auto queues) { return b->q_id >= queues; });
}
maybe no_buffer(const kernel&, const call& c) { return copy_mode(c) && zero(c.io_address); }

constexpr range kernels = since(7, 0);
constexpr std::string_view source = "ublk_check_batch_cmd_flags";
constexpr std::string_view queue_means =
    "The queue's number, batch_io.q_id, is not less than nr_hw_queues";
constexpr std::string_view queue_mend = "use the nr_hw_queues that ADD_DEV gave back";
constexpr std::string_view element_mend =
    "let sqe->addr point to nr_elem elements of elem_bytes each";

constexpr row rows[] = {
    {.id = "B-1",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = &bad_batch_queue,
     .means = queue_means,
     .mend = queue_mend,
     .source = source},
    {.id = "B-2",
     .about = headers,
     .kernels = kernels,
     .error = E2BIG,
     .breaks =
         [](auto&, auto& c) {
             return both(c.batch, c.depth, [](batch b, auto depth) { return b->nr_elem > depth; });
         },
     .means = "batch_io.nr_elem is more than queue_depth",
     .mend = "send at most queue_depth elements at once",
     .source = source},
    {.id = "B-3",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return flag(c, uapi::batch_f_has_zone_lba) && !has(c.flags, uapi::f_zoned);
         },
     .means = "Elements have a zone's LBA (HAS_ZONE_LBA), and the device is not zoned",
     .mend = "clear UBLK_BATCH_F_HAS_ZONE_LBA",
     .source = source},
    {.id = "B-4",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return flag(c, uapi::batch_f_has_buf_addr) && !copy_mode(c); },
     .means = "Elements have a buffer's address (HAS_BUF_ADDR), and the device does not copy",
     .mend = "clear UBLK_BATCH_F_HAS_BUF_ADDR",
     .source = source},
    {.id = "B-5",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return flag(c, uapi::batch_f_auto_buf_reg_fallback) &&
                    !has(c.flags, uapi::f_auto_buf_reg);
         },
     .means = "A fallback is asked for (AUTO_BUF_REG_FALLBACK), and the device has no automatic "
              "registration",
     .mend = "clear the flag, or make the device with AUTO_BUF_REG",
     .source = source},
    {.id = "B-6",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return flag(c, static_cast<std::uint16_t>(~all_flags)); },
     .means = "batch_io.flags has an unknown bit",
     .mend = "set only UBLK_BATCH_F_… bits",
     .source = source},
    {.id = "B-7",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return flag(c, uapi::batch_f_auto_buf_reg_fallback) &&
                    flag(c, uapi::batch_f_has_buf_addr);
         },
     .means = "AUTO_BUF_REG_FALLBACK and HAS_BUF_ADDR exclude each other",
     .mend = "clear one of the two",
     .source = source},
    {.id = "B-8",
     .about = headers,
     .kernels = kernels,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.batch.is(
                 [](batch b) { return b->elem_bytes != uapi::batch_elem_bytes(b->flags); });
         },
     .means = "batch_io.elem_bytes does not fit the flags",
     .mend = "set elem_bytes to 8, plus 8 with HAS_BUF_ADDR, plus 8 with HAS_ZONE_LBA",
     .source = source},
    {.id = "BE-1",
     .about = prep,
     .kernels = kernels,
     .error = EFAULT,
     .breaks =
         [](auto&, auto& c) {
             return c.batch.is([](batch b) { return b->nr_elem != 0; }) &&
                    !holds(c.elements_readable);
         },
     .means = "The elements can't be read at sqe->addr",
     .mend = element_mend,
     .log = "read batch cmd buffer failed",
     .source = "ublk_handle_batch_prep_cmd"},
    {.id = "BE-1",
     .about = prep,
     .kernels = kernels,
     .error = ENOMEM,
     .means = "The kernel has no memory for a copy of the elements",
     .mend = "free memory, and try again",
     .source = "ublk_handle_batch_prep_cmd"},
    {.id = "BE-8",
     .about = commit,
     .kernels = kernels,
     .what = effect::silently,
     .means = "The result is the number of the array's bytes that were taken; an element that is "
              "refused ends the command, and its error shows only if it was the first",
     .mend = "compare the result with nr_elem * elem_bytes, and send the rest again to see its "
             "error",
     .source = "ublk_handle_batch_commit_cmd"},
    {.id = "BE-2",
     .about = elements,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return bad_tag(c); },
     .means = "An element's tag is not less than queue_depth",
     .mend = "use tags from 0 to queue_depth - 1",
     .source = "ublk_batch_prep_io"},
    {.id = "BE-7",
     .about = committed,
     .kernels = kernels,
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return !holds(c.slot_owned); },
     .means = "The server has no request of this tag: it committed twice, or before one came",
     .mend = "commit a tag once for each time that a fetch delivered it",
     .log = "commit failure",
     .source = "ublk_batch_commit_io"},
    {.id = "BE-3",
     .about = elements,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = &no_buffer,
     .means = "The driver copies to and from the server's buffer, and the element has none",
     .mend = "set UBLK_BATCH_F_HAS_BUF_ADDR and give each element its buffer's address",
     .source = "ublk_check_fetch_buf"},
    {.id = "BE-1",
     .about = committed,
     .kernels = kernels,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.elements_readable); },
     .means = "The elements can't be read at sqe->addr",
     .mend = element_mend,
     .log = "read batch cmd buffer failed",
     .source = "ublk_walk_cmd_buf"},
    {.id = "BE-4",
     .about = prepared,
     .kernels = since(7, 3),
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return holds(c.stopping); },
     .means = "The device was stopped while the server has /dev/ublkcN open",
     .mend = "close /dev/ublkcN and open it again",
     .source = "ublk_batch_prep_io"},
    {.id = "BE-5",
     .about = prepared,
     .kernels = kernels,
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.all_fetched); },
     .means = "All tags of the device have been prepared",
     .mend = "prepare each tag once a round",
     .source = "ublk_batch_prep_io"},
    {.id = "BE-6",
     .about = prepared,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return holds(c.slot_active); },
     .means = "The tag has been prepared already; what this command prepared is taken back",
     .mend = "prepare each tag once",
     .source = "ublk_batch_prep_io"},
    {.id = "BF-1",
     .about = fetch,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = &bad_batch_queue,
     .means = queue_means,
     .mend = queue_mend,
     .source = "ublk_validate_batch_fetch_cmd"},
    {.id = "BF-2",
     .about = fetch,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.multishot); },
     .means = "FETCH_IO_CMDS delivers many times, and it is not marked so",
     .mend = "set IORING_URING_CMD_MULTISHOT, IOSQE_BUFFER_SELECT and buf_group",
     .source = "ublk_validate_batch_fetch_cmd"},
    {.id = "BF-3",
     .about = fetch,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&,
                  auto& c) { return c.batch.is([](batch b) { return b->elem_bytes != 2; }); },
     .means = "Tags are delivered as numbers of 2 bytes, and batch_io.elem_bytes is not 2",
     .mend = "set elem_bytes to 2",
     .source = "ublk_validate_batch_fetch_cmd"},
    {.id = "BF-4",
     .about = fetch,
     .kernels = kernels,
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return flag(c, 0xffff); },
     .means = "FETCH_IO_CMDS knows no flags, and batch_io.flags is not 0",
     .mend = "set flags to 0",
     .source = "ublk_validate_batch_fetch_cmd"},
    {.id = "BF-5",
     .about = fetch,
     .kernels = kernels,
     .error = ENOMEM,
     .means = "The kernel has no memory for the fetch",
     .mend = "free memory, and try again",
     .source = "ublk_batch_attach"},
    {.id = "BF-6",
     .about = fetch,
     .kernels = kernels,
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return holds(c.cancelling) || holds(c.force_abort); },
     .means = "The queue is being cancelled, or a recovery has not prepared all its tags yet",
     .mend = "end the round: wait for all completions and close /dev/ublkcN; in a recovery, "
             "prepare all tags of the queue first",
     .source = "ublk_batch_attach"},
};

}  // namespace

std::span<const row> batch_rows() { return rows; }

}  // namespace ashlar::rules
