// SPDX-License-Identifier: MIT
// REG_BUF and UNREG_BUF: memory that client and server share.
#include "rules/rows.hpp"

namespace ashlar::rules {

namespace {

constexpr subject reg[] = {subject::reg_buf};
constexpr subject unreg[] = {subject::unreg_buf};

using buffer = const uapi::shmem_buf_reg*;

maybe no_shared_memory(const kernel&, const call& c) { return !has(c.flags, uapi::f_shmem_zc); }

constexpr row rows[] = {
    {.id = "RBUF-1",
     .about = reg,
     .error = EOPNOTSUPP,
     .breaks = &no_shared_memory,
     .means = "The device was made without UBLK_F_SHMEM_ZC",
     .mend = "set UBLK_F_SHMEM_ZC at ADD_DEV",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-2",
     .about = reg,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.payload_readable); },
     .means = "The ublk_shmem_buf_reg can't be read at addr",
     .mend = "let addr point to the struct of 24 bytes",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-3",
     .about = reg,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.buffer.is(
                 [](buffer b) { return (b->flags & ~uapi::shmem_buf_read_only) != 0; });
         },
     .means = "flags has an unknown bit",
     .mend = "set flags to 0, or to 1 for a read-only buffer",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-4",
     .about = reg,
     .error = EINVAL,
     .breaks = [](auto&,
                  auto& c) { return c.buffer.is([](buffer b) { return b->reserved != 0; }); },
     .means = "reserved is not 0",
     .mend = "clear the struct before filling it",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-5",
     .about = reg,
     .error = EINVAL,
     .breaks =
         [](auto& k, auto& c) {
             return c.buffer.is([&](buffer b) {
                 return b->len == 0 || b->len > uapi::shmem_buf_bytes_max ||
                        b->len % k.page_bytes != 0 || b->addr % k.page_bytes != 0;
             });
         },
     .means = "The buffer's addr and len are multiples of a page, and len is 1 page to 4 GiB",
     .mend = "take the memory from mmap, and register whole pages of it",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-6",
     .about = reg,
     .error = ENOMEM,
     .means = "The kernel has no memory for the list of pages",
     .mend = "free memory, or register smaller buffers",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-7",
     .about = reg,
     .error = EFAULT,
     .breaks = [](auto&, auto& c) { return !holds(c.buffer_pinnable); },
     .means = "The pages can't be pinned: they are not mapped (or, without READ_ONLY, not "
              "writable), or lie on a file system that does not allow it (EOPNOTSUPP)",
     .mend = "map the memory from memfd_create or hugetlbfs, for reading and writing",
     .source = "pin_user_pages_fast"},
    {.id = "RBUF-8",
     .about = reg,
     .error = EFAULT,
     .means = "Only some of the pages could be pinned",
     .mend = "map the whole range before the call",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-9",
     .about = reg,
     .error = ENOSPC,
     .breaks = [](auto&, auto& c) { return !holds(c.buffer_index_left); },
     .means = "The device has 65536 buffers, which is all",
     .mend = "unregister some with UNREG_BUF",
     .source = "ublk_ctrl_reg_buf"},
    {.id = "RBUF-10",
     .about = reg,
     .error = EEXIST,
     .breaks = [](auto&, auto& c) { return holds(c.buffer_registered_already); },
     .means = "A page of the buffer belongs to one that is registered already",
     .mend = "unregister that one first",
     .source = "__ublk_ctrl_reg_buf"},
    {.id = "UBUF-1",
     .about = unreg,
     .error = EOPNOTSUPP,
     .breaks = &no_shared_memory,
     .means = "The device was made without UBLK_F_SHMEM_ZC",
     .mend = "set UBLK_F_SHMEM_ZC at ADD_DEV",
     .source = "ublk_ctrl_unreg_buf"},
    {.id = "UBUF-2",
     .about = unreg,
     .error = EINVAL,
     .breaks =
         [](auto&, auto& c) {
             return c.data.is([](auto d) {
                 const auto index = static_cast<std::int32_t>(d);
                 return index < 0 || index > std::int32_t{uapi::shmem_buf_index_max};
             });
         },
     .means = "data[0] is the buffer's index, which is 0 to 65535",
     .mend = "set data[0] to what REG_BUF answered",
     .source = "ublk_ctrl_unreg_buf"},
    {.id = "UBUF-3",
     .about = unreg,
     .error = ENOENT,
     .breaks = [](auto&, auto& c) { return !holds(c.buffer_index_known); },
     .means = "No buffer is registered with this index",
     .mend = "set data[0] to what REG_BUF answered",
     .source = "ublk_ctrl_unreg_buf"},
};

}  // namespace

std::span<const row> buffer_rows() { return rows; }

}  // namespace ashlar::rules
