// SPDX-License-Identifier: MIT
// The I/O commands of a single tag, after what all of them pass.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

using enum subject;

constexpr subject fetch[] = {fetch_req};
constexpr subject commit[] = {commit_and_fetch_req};
constexpr subject get_data[] = {need_get_data};
constexpr subject registers[] = {register_io_buf};
constexpr subject unregisters[] = {unregister_io_buf};

maybe no_buffer(const kernel&, const call& c) {
    return copy_mode(c) && !has(c.flags, uapi::f_need_get_data) && zero(c.io_address);
}
maybe needless_buffer(const kernel&, const call& c) { return !copy_mode(c) && !zero(c.io_address); }
maybe bad_auto_word(const kernel&, const call& c) {
    return has(c.flags, uapi::f_auto_buf_reg) && c.entry_address.is([](std::uint64_t word) {
        const uapi::auto_buf_reg reg = uapi::auto_buf_reg_of(word);
        return reg.reserved0 != 0 || reg.reserved1 != 0 ||
               (reg.flags & ~uapi::auto_buf_reg_fallback) != 0;
    });
}
maybe fetched(const kernel&, const call& c) { return holds(c.all_fetched); }
maybe queue_fetched(const kernel&, const call& c) { return holds(c.queue_fetched); }
maybe no_zero_copy(const kernel&, const call& c) { return !has(c.flags, uapi::f_supp_zero_copy); }

// Of a request whose bytes count.
maybe moves(const call& c, uapi::op a, uapi::op b) {
    return c.request_op.is([=](uapi::op op) { return op == a || op == b; });
}
maybe read_or_write(const call& c) { return moves(c, uapi::op::read, uapi::op::write); }
maybe short_result(const call& c) {
    return c.result > 0 && both(c.result, c.request_bytes, [](auto done, auto all) {
               return static_cast<std::uint64_t>(done) < all;
           });
}

constexpr std::string_view fetch_source = "ublk_fetch";
constexpr std::string_view buffer_means =
    "The driver copies to and from the server's buffer, and io_cmd.addr is 0";
constexpr std::string_view buffer_mend = "set ublksrv_io_cmd.addr to the tag's buffer";
constexpr std::string_view needless_means =
    "With USER_COPY, SUPPORT_ZERO_COPY or AUTO_BUF_REG there is no buffer of the server, and "
    "io_cmd.addr is not 0";
constexpr std::string_view ready_mend =
    "fetch each tag once; after STOP_DEV or the end of a server, open /dev/ublkcN anew first";
constexpr std::string_view whole_mend =
    "give the whole length as result, or a negative errno; continue short transfers yourself";

constexpr row rows[] = {
    // FETCH_REQ, up to 6.16 and from 6.17 on.
    {.id = "FETCH-5",
     .about = fetch,
     .kernels = until(6, 16),
     .error = EBUSY,
     .breaks = &queue_fetched,
     .means = "All tags of the queue have been fetched",
     .mend = ready_mend,
     .source = fetch_source},
    {.id = "FETCH-5",
     .about = fetch,
     .kernels = between({6, 16}, {6, 17}),
     .error = EBUSY,
     .breaks = &fetched,
     .means = "All tags of the device have been fetched",
     .mend = ready_mend,
     .source = fetch_source},
    {.id = "FETCH-1",
     .about = fetch,
     .kernels = until(6, 15),
     .error = EINVAL,
     .breaks = &no_buffer,
     .means = buffer_means,
     .mend = buffer_mend,
     .source = fetch_source},
    {.id = "FETCH-1",
     .about = fetch,
     .kernels = between({6, 15}, {6, 17}),
     .what = effect::blocks,
     .breaks = &no_buffer,
     .means =
         "The driver copies to and from the server's buffer, and io_cmd.addr is 0; this kernel "
         "forgets the command without an answer, so that START_DEV and the process's end hang",
     .mend = buffer_mend,
     .source = fetch_source},
    {.id = "FETCH-2",
     .about = fetch,
     .kernels = between({6, 5}, {6, 17}),
     .error = EINVAL,
     .breaks = &needless_buffer,
     .means = needless_means,
     .mend = "set ublksrv_io_cmd.addr to 0",
     .source = fetch_source},
    {.id = "FETCH-1",
     .about = fetch,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &no_buffer,
     .means = buffer_means,
     .mend = buffer_mend,
     .source = "ublk_check_fetch_buf"},
    {.id = "FETCH-2",
     .about = fetch,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = &needless_buffer,
     .means = needless_means,
     .mend = "set ublksrv_io_cmd.addr to 0",
     .source = "ublk_check_fetch_buf"},
    {.id = "FETCH-3",
     .about = fetch,
     .kernels = since(6, 16),
     .error = EINVAL,
     .breaks = &bad_auto_word,
     .means = "With AUTO_BUF_REG, sqe->addr carries the index of a buffer and a flag, and here it "
              "has other bits (it is not an address)",
     .mend = "set sqe->addr to the index, plus 1 << 16 for FALLBACK",
     .source = fetch_source},
    {.id = "FETCH-4",
     .about = fetch,
     .kernels = since(7, 3),
     .error = ENODEV,
     .breaks = [](auto&, auto& c) { return holds(c.stopping); },
     .means = "The device was stopped while the server has /dev/ublkcN open",
     .mend = "close /dev/ublkcN and open it again",
     .source = fetch_source},
    {.id = "FETCH-5",
     .about = fetch,
     .kernels = since(6, 17),
     .error = EBUSY,
     .breaks = &fetched,
     .means = "All tags of the device have been fetched",
     .mend = ready_mend,
     .source = fetch_source},
    {.id = "FETCH-6",
     .about = fetch,
     .kernels = since(6, 17),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return holds(c.slot_active); },
     .means = "The tag has been fetched already, and its command waits in the driver",
     .mend = "fetch a tag once; afterwards COMMIT_AND_FETCH_REQ fetches it again",
     .source = fetch_source},

    {.id = "COMMIT-1",
     .about = commit,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return copy_mode(c) && zero(c.io_address) &&
                    (!has(c.flags, uapi::f_need_get_data) || c.request_op == uapi::op::read);
         },
     .means =
         "The driver copies to and from the server's buffer, and io_cmd.addr is 0; the request "
         "is still the server's",
     .mend = "set ublksrv_io_cmd.addr to the tag's buffer and commit again",
     .source = "ublk_check_commit_and_fetch"},
    {.id = "COMMIT-2",
     .about = commit,
     .kernels = since(6, 5),
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return needless_buffer(k, c) && c.request_op != uapi::op::zone_append;
         },
     .means = "With USER_COPY, SUPPORT_ZERO_COPY or AUTO_BUF_REG there is no buffer of the server, "
              "and io_cmd.addr is not 0 (only a ZONE_APPEND gives its sector there)",
     .mend = "set ublksrv_io_cmd.addr to 0 and commit again",
     .source = "ublk_check_commit_and_fetch"},
    {.id = "COMMIT-3",
     .about = commit,
     .kernels = since(6, 16),
     .error = EINVAL,
     .breaks = &bad_auto_word,
     .means = "With AUTO_BUF_REG, sqe->addr carries the index of a buffer and a flag, and here it "
              "has other bits (before 7.2 the request is completed all the same, and the tag lost)",
     .mend = "set sqe->addr to the index, plus 1 << 16 for FALLBACK",
     .source = "ublk_check_commit_and_fetch"},
    {.id = "RESULT-1",
     .about = commit,
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return c.result == 0 && c.request_op == uapi::op::read; },
     .means = "A read with a result of 0 fails with EIO",
     .mend = "give the number of bytes; fill with zeros what lies beyond the end of a file",
     .source = "__ublk_complete_rq"},
    {.id = "RESULT-2",
     .about = commit,
     .kernels = until(7, 3),
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return c.result == 0 && c.request_op == uapi::op::write; },
     .means = "A write with a result of 0 comes back to the server, and again for ever",
     .mend = whole_mend,
     .source = "__ublk_complete_rq"},
    {.id = "RESULT-3",
     .about = commit,
     .kernels = until(7, 3),
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return read_or_write(c) && short_result(c); },
     .means = "The rest of a request with a short result comes back to the server as a new request",
     .mend = whole_mend,
     .source = "__ublk_complete_rq"},
    {.id = "RESULT-3",
     .about = commit,
     .kernels = since(7, 3),
     .what = effect::silently,
     .breaks =
         [](auto&, auto& c) {
             return copy_mode(c) && c.request_op == uapi::op::read && short_result(c);
         },
     .means = "The rest of a read with a short result comes back to the server as a new request",
     .mend = whole_mend,
     .source = "__ublk_complete_rq"},
    {.id = "RESULT-4",
     .about = commit,
     .kernels = since(7, 3),
     .what = effect::silently,
     .breaks =
         [](auto&, auto& c) {
             const maybe write = c.request_op == uapi::op::write;
             const maybe read = !copy_mode(c) && c.request_op == uapi::op::read;
             return (short_result(c) && (read || write)) || (c.result == 0 && write);
         },
     .means = "This kernel takes a short result for the whole: the rest of the data is lost, and "
              "nobody is told",
     .mend = whole_mend,
     .source = "__ublk_complete_rq"},

    {.id = "GET-1",
     .about = get_data,
     .what = effect::silently,
     .breaks = [](auto&, auto& c) { return zero(c.io_address); },
     .means = "A buffer at address 0 is accepted, but nothing can be copied there: the driver asks "
              "again every 3 ms",
     .mend = "set ublksrv_io_cmd.addr to a buffer with room for the request",
     .source = "ublk_get_data"},

    {.id = "REG-1",
     .about = registers,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = [](auto& k, auto& c) { return no_zero_copy(k, c); },
     .means = "The device was made without UBLK_F_SUPPORT_ZERO_COPY",
     .mend = "set UBLK_F_SUPPORT_ZERO_COPY at ADD_DEV, also beside AUTO_BUF_REG",
     .source = "ublk_register_io_buf"},
    {.id = "REG-2",
     .about = registers,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.slot_owned); },
     .means = "The tag has no request in the server's hands",
     .mend = "register between a request's completion and its commit",
     .source = "ublk_register_io_buf"},
    {.id = "REG-1",
     .about = registers,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.request_has_data); },
     .means = "The request has no data (a FLUSH, a DISCARD, …), so there is nothing to register",
     .mend = "register for READ and WRITE only",
     .source = "ublk_register_io_buf"},
    {.id = "REG-3",
     .about = registers,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.index_in_table); },
     .means = "io_cmd.addr is a place in the ring's table of buffers, and the table is smaller",
     .mend = "make a sparse table with IORING_REGISTER_BUFFERS2, large enough",
     .source = "io_buffer_register_bvec"},
    {.id = "REG-4",
     .about = registers,
     .kernels = since(6, 15),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.index_used); },
     .means = "This place of the ring's table of buffers is in use",
     .mend = "unregister it first, or use another index",
     .source = "io_buffer_register_bvec"},
    {.id = "REG-5",
     .about = registers,
     .kernels = since(6, 15),
     .error = ENOMEM,
     .means = "The kernel has no memory for the registration",
     .mend = "free memory, and try again",
     .source = "io_buffer_register_bvec"},
    {.id = "UNREG-1",
     .about = unregisters,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = &no_zero_copy,
     .means = "The device was made without UBLK_F_SUPPORT_ZERO_COPY",
     .mend = "set it beside AUTO_BUF_REG if buffers are to be unregistered by hand",
     .source = "ublk_unregister_io_buf"},
    {.id = "UNREG-2",
     .about = unregisters,
     .kernels = since(6, 15),
     .error = EINVAL,
     .breaks = [](auto&, auto& c) { return !holds(c.index_in_table) || !holds(c.index_used); },
     .means = "io_cmd.addr names no place of the ring's table of buffers, or an empty one",
     .mend = "use the index and the ring with which the buffer was registered",
     .source = "io_buffer_unregister_bvec"},
    {.id = "UNREG-3",
     .about = unregisters,
     .kernels = since(6, 15),
     .error = EBUSY,
     .breaks = [](auto&, auto& c) { return holds(c.index_is_user_buffer); },
     .means = "This place of the table is an ordinary buffer of the process",
     .mend = "use the index with which the request's buffer was registered",
     .source = "io_buffer_unregister_bvec"},
};

}  // namespace

std::span<const row> slot_rows() { return rows; }

}  // namespace ashlar::rules
