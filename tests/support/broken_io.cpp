// SPDX-License-Identifier: MIT
#include "support/broken_calls.hpp"

namespace ashlar::rules {

namespace {

constexpr std::uint64_t non_copy = uapi::f_user_copy;

void bare(scene& s) { s.c.command_number = s.c.command_number.value() & 0xff; }
void no_batch(scene& s) { s.c.flags = 0u; }
void bad_queue(scene& s) { s.c.q_id = std::uint16_t{2}; }
void bad_tag(scene& s) { s.c.tag = std::uint16_t{8}; }
void active(scene& s) { s.c.slot_active = true, s.c.slot_owned = false; }
void not_owned(scene& s) { s.c.slot_owned = false; }
void odd_word(scene& s) {
    s.c.flags = s.c.flags.value() | uapi::f_auto_buf_reg, s.c.io_address = 0u;
    s.c.entry_address = 1u << 17;
}
void result(scene& s, std::int32_t r, uapi::op op) { s.c.result = r, s.c.request_op = op; }
void batch_flags(scene& s, std::uint16_t flags) {
    s.batch.flags = flags;
    s.batch.elem_bytes = uapi::batch_elem_bytes(flags);
}

constexpr breakage rows[] = {
    {"IO-1", [](scene& s) { no_batch(s), s.k.legacy_opcodes = false, bare(s); }},
    {"IO-3", &bad_queue},
    {"IO-3", [](scene& s) { no_batch(s), bad_queue(s); }},
    {"IO-4", &bad_tag},
    {"IO-4", [](scene& s) { no_batch(s), bad_tag(s); }},
    {"B-0", [](scene& s) { s.c.flags = uapi::f_batch_io; }},
    {"B-0", [](scene& s) { s.c.flags = uapi::f_batch_io, bare(s); }},
    {"IO-6", [](scene& s) { no_batch(s), s.c.caller_owns_slot = false; }},
    {"IO-6", [](scene& s) { s.c.other_daemon = true; }},
    {"IO-7", [](scene& s) { no_batch(s), not_owned(s); }},
    {"IO-7", &active},
    {"IO-8", [](scene& s) { no_batch(s), s.c.slot_wants_data = true; }},
    {"IO-8", [](scene& s) { s.c.slot_wants_data = false; }},
    {"IO-9", &no_batch},
    {"IO-9", [](scene& s) { s.c.command_number = 0xc0107500u | s.c.command_number.value(); }},
    {"FETCH-1", [](scene& s) { s.c.io_address = 0u; }},
    {"FETCH-2", [](scene& s) { s.c.flags = non_copy; }},
    {"FETCH-3", &odd_word},
    {"FETCH-4", [](scene& s) { s.c.stopping = true; }},
    {"FETCH-5", [](scene& s) { s.c.all_fetched = s.c.queue_fetched = true; }},
    {"FETCH-6", [](scene& s) { s.c.slot_active = true; }},
    {"COMMIT-1", [](scene& s) { s.c.io_address = 0u; }},
    {"COMMIT-2", [](scene& s) { s.c.flags = non_copy; }},
    {"COMMIT-3", &odd_word},
    {"RESULT-1", [](scene& s) { result(s, 0, uapi::op::read); }},
    {"RESULT-2", [](scene& s) { result(s, 0, uapi::op::write); }},
    {"RESULT-3", [](scene& s) { result(s, 512, uapi::op::read); }},
    {"RESULT-4", [](scene& s) { result(s, 512, uapi::op::write); }},
    {"GET-1", [](scene& s) { s.c.io_address = 0u; }},
    {"REG-1", [](scene& s) { s.c.flags = 0u; }},
    {"REG-1", [](scene& s) { s.c.request_has_data = false; }},
    {"REG-2", [](scene& s) { not_owned(s), s.c.caller_owns_slot = false; }},
    {"REG-2", &not_owned},
    {"REG-3", [](scene& s) { s.c.index_in_table = false; }},
    {"REG-4", [](scene& s) { s.c.index_used = true; }},
    {"UNREG-1", [](scene& s) { s.c.flags = 0u; }},
    {"UNREG-2", [](scene& s) { s.c.index_used = false; }},
    {"UNREG-3", [](scene& s) { s.c.index_is_user_buffer = true; }},
    {"B-1", [](scene& s) { s.batch.q_id = 2; }},
    {"B-2", [](scene& s) { s.batch.nr_elem = 9; }},
    {"B-3", [](scene& s) { batch_flags(s, uapi::batch_f_has_zone_lba); }},
    {"B-4",
     [](scene& s) {
         s.c.flags = s.c.flags.value() | non_copy, batch_flags(s, uapi::batch_f_has_buf_addr);
     }},
    {"B-5", [](scene& s) { batch_flags(s, uapi::batch_f_auto_buf_reg_fallback); }},
    {"B-6", [](scene& s) { s.batch.flags = 8; }},
    {"B-7",
     [](scene& s) {
         // Without AUTO_BUF_REG B-5 would be first, with it B-4: only a buffer's address in copy
         // mode and a fallback are left, which no device allows.
         batch_flags(s, uapi::batch_f_auto_buf_reg_fallback | uapi::batch_f_has_buf_addr);
     }},
    {"B-8", [](scene& s) { s.batch.elem_bytes = 16; }},
    {"BE-1", [](scene& s) { s.c.elements_readable = false; }},
    {"BE-2", &bad_tag},
    {"BE-3", [](scene& s) { s.c.io_address = 0u; }},
    {"BE-4", [](scene& s) { s.c.stopping = true; }},
    {"BE-5", [](scene& s) { s.c.all_fetched = true; }},
    {"BE-6", [](scene& s) { s.c.slot_active = true; }},
    {"BE-7", &not_owned},
    {"BF-1", [](scene& s) { s.batch.q_id = 2; }},
    {"BF-2", [](scene& s) { s.c.multishot = false; }},
    {"BF-3", [](scene& s) { s.batch.elem_bytes = 8; }},
    {"BF-4", [](scene& s) { s.batch.flags = 1; }},
    {"BF-6", [](scene& s) { s.c.cancelling = true; }},
    {"OPEN-1", [](scene& s) { s.c.may_open = false; }},
    {"OPEN-2", [](scene& s) { s.c.char_open = true; }},
    {"OPEN-3", [](scene& s) { s.c.char_exists = false; }},
    {"MMAP-0", [](scene& s) { s.c.bytes = 0u; }},
    {"MMAP-0", [](scene& s) { s.c.map_writable = true, s.c.opened_for_writing = false; }},
    {"MMAP-0", [](scene& s) { s.c.opened_for_reading = false; }},
    {"MMAP-1", [](scene& s) { s.c.mapped_by_other = true; }},
    {"MMAP-2", [](scene& s) { s.c.map_writable = true; }},
    {"MMAP-3", [](scene& s) { s.c.position = 2 * uapi::descriptor_stride(24, 4096); }},
    {"MMAP-3", [](scene& s) { s.c.position = 4096u; }},
    {"MMAP-4", [](scene& s) { s.c.bytes = 4097u; }},
    {"UC-0", [](scene& s) { s.c.position = 1ull << 63; }},
    {"UC-1", [](scene& s) { s.c.user_memory = false; }},
    {"UC-2", [](scene& s) { s.c.state = uapi::device_state::dead; }},
    {"UC-3", [](scene& s) { s.c.position = s.c.position.value() | uapi::user_copy_integrity; }},
    {"UC-4", [](scene& s) { s.c.position = 0u; }},
    {"UC-5", [](scene& s) { s.c.flags = 0u; }},
    {"UC-6", [](scene& s) { s.c.position = uapi::user_copy_position(1, 8, 0); }},
    {"UC-7", &not_owned},
    {"UC-8", [](scene& s) { s.c.position = uapi::user_copy_position(1, 7, 4097); }},
    {"UC-9", [](scene& s) { s.c.request_op = uapi::op::read; }},
    {"UC-9", [](scene& s) { s.c.request_op = uapi::op::write; }},
    {"BLK-2",
     [](scene& s) {
         s.c.admin = false, s.c.owner_matches = false, s.c.flags = uapi::f_unprivileged_dev;
     }},
    {"BLK-3", [](scene& s) { s.c.admin = false, s.c.blocked_for_users = true; }},
    {"BLK-4", [](scene& s) { s.c.disk_present = false; }},
};

}  // namespace

std::span<const breakage> io_breakages() { return rows; }

}  // namespace ashlar::rules
