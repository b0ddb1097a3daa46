// SPDX-License-Identifier: MIT
#include "support/broken_calls.hpp"

#include <cerrno>

namespace ashlar::rules {

namespace {

void with_path(scene& s) {
    if (s.about == subject::get_features) s.c.command_number = 0x13u;
    s.c.flags = s.c.flags.value() | uapi::f_unprivileged_dev;
    s.c.length = std::uint16_t{256};
    s.c.path_length = std::uint16_t{16};
    fill_payload(s.k, s.c);
}
void unprivileged(scene& s) {
    s.c.admin = false;
    s.info.flags = uapi::f_unprivileged_dev;
}
void add_flag(scene& s, std::uint64_t f) { s.c.flags = s.c.flags.value() | f; }
void bare(scene& s) {
    s.k.legacy_opcodes = false;
    s.c.command_number = s.c.command_number.value() & 0xff;
}
void encode(scene& s) { s.c.command_number = 0xc0200000u | 0x7500u | s.c.command_number.value(); }
void zoned(scene& s) {
    add_flag(s, uapi::f_zoned);
    s.params.types |= uapi::param_type_zoned;
    s.params.basic.chunk_sectors = 1 << 16;
    s.params.zoned.max_zone_append_sectors = 8;
}
void integrity(scene& s) {
    s.params.types |= uapi::param_type_integrity;
    s.params.integrity = {.flags = 1, .interval_exp = 9, .metadata_size = 8, .csum_type = 1};
}
void no_payload(scene& s) { s.c.payload_address = 0u; }
void unreadable(scene& s) { s.c.payload_readable = false; }
void unwritable(scene& s) { s.c.payload_writable = false; }
void unfetched(scene& s) { s.c.all_fetched = false; }
void hands(scene& s) { s.c.in_hands = true; }
void held(scene& s) { s.c.id_free = false; }
void no_disk(scene& s) { s.c.disk_present = false; }
void full(scene& s) { s.c.devices = s.c.unprivileged_devices = 64u; }

constexpr breakage ring_breakages[] = {
    {"U-1", [](scene& s) { s.c.opcode = 200; }},
    {"U-1", [](scene& s) { s.c.opcode = 22, s.c.fields_of_other_opcode_clear = false; }},
    {"U-2", [](scene& s) { s.c.entry_flags = 0x80; }},
    {"U-3", [](scene& s) { s.c.entry_flags = 0x20; }},
    {"U-4", [](scene& s) { s.c.restricted = true; }},
    {"U-5", [](scene& s) { s.c.ioprio = std::uint16_t{1}; }},
    {"U-6", [](scene& s) { s.c.opcode = 22, s.c.polled_ring = true; }},
    {"U-7", [](scene& s) { s.c.personality_known = false; }},
    {"U-8", [](scene& s) { s.c.pad1 = 1u; }},
    {"U-9", [](scene& s) { s.c.command_flags = 4u; }},
    {"U-10", [](scene& s) { s.c.command_flags = 3u, s.c.entry_flags = 0x20; }},
    {"U-11", [](scene& s) { s.c.command_flags = 2u; }},
    {"U-12", [](scene& s) { s.c.file = call::file_kind::other; }},
    {"U-13", [](scene& s) { s.c.lsm_error = EACCES; }},
    {"U-14", [](scene& s) { s.c.polled_ring = true; }},
    {"U-15", [](scene& s) { s.c.file = call::file_kind::none; }},
};

constexpr breakage control_breakages[] = {
    {"D-2", [](scene& s) { s.c.wide_entry = false; }},
    {"D-3", &bare},
    {"D-5", [](scene& s) { s.c.device_exists = false; }},
    {"D-5", [](scene& s) { bare(s), s.k.legacy_opcodes = true, s.c.device_exists = false; }},
    {"D-5", [](scene& s) { encode(s), s.c.device_exists = false; }},
    {"D-7", &encode},
    {"D-7", [](scene& s) { bare(s), s.k.legacy_opcodes = true; }},
    {"P-1", [](scene& s) { s.c.admin = false; }},
    {"P-1", [](scene& s) { bare(s), s.k.legacy_opcodes = true, s.c.admin = false; }},
    {"P-3", [](scene& s) { with_path(s), s.c.path_length = std::uint16_t{0}; }},
    {"P-4", [](scene& s) { with_path(s), s.c.length = std::uint16_t{15}; }},
    {"P-5", [](scene& s) { with_path(s), s.c.path_readable = false; }},
    {"P-6", &with_path},
    {"P-7", [](scene& s) { with_path(s), s.c.path_error = ENOENT; }},
    {"P-8", [](scene& s) { with_path(s), s.c.path_is_device = false; }},
    {"P-9", [](scene& s) { with_path(s), s.c.path_permitted = false; }},
    {"FEAT-1", [](scene& s) { s.c.payload_length = std::uint16_t{64}; }},
    {"FEAT-2", &unwritable},
    {"ADD-1", [](scene& s) { s.c.payload_length = std::uint16_t{63}; }},
    {"ADD-2", [](scene& s) { s.c.queue_id = std::uint16_t{0}; }},
    {"ADD-3", &unreadable},
    {"ADD-4", [](scene& s) { s.info.queue_depth = 4097; }},
    {"ADD-4", [](scene& s) { s.info.queue_depth = 0; }},
    {"ADD-5", [](scene& s) { s.c.admin = false; }},
    {"ADD-5", [](scene& s) { s.info.flags = uapi::f_unprivileged_dev; }},
    {"ADD-6", [](scene& s) { s.info.flags = uapi::f_user_recovery_reissue; }},
    {"ADD-7", [](scene& s) { s.info.flags = uapi::f_quiesce; }},
    {"ADD-8", [](scene& s) { unprivileged(s), s.info.flags |= uapi::f_user_copy; }},
    {"ADD-8", [](scene& s) { unprivileged(s), s.info.flags |= uapi::f_user_recovery; }},
    {"ADD-9", [](scene& s) { s.info.flags = uapi::f_integrity; }},
    {"ADD-10", [](scene& s) { s.info.flags = uapi::f_io_desc_size, s.info.io_desc_size = 25; }},
    {"ADD-10", [](scene& s) { s.info.io_desc_size = 32; }},
    {"ADD-11", [](scene& s) { s.info.owner_uid = 1000; }},
    {"ADD-12", [](scene& s) { s.c.dev_id = 4u; }},
    {"ADD-13", [](scene& s) { s.info.dev_id = 1 << 20, s.c.dev_id = 1u << 20; }},
    {"ADD-14", [](scene& s) { s.c.control_busy = s.c.interrupted = true; }},
    {"ADD-14", [](scene& s) { s.c.control_busy = true; }},
    {"ADD-15", [](scene& s) { unprivileged(s), full(s); }},
    {"ADD-17", [](scene& s) { s.c.id_taken = true; }},
    {"ADD-17",
     [](scene& s) {
         s.info.dev_id = uapi::device_id_auto, s.c.dev_id = s.info.dev_id, s.c.devices = 1u << 20;
         s.k.devices_max = 1u << 21;
     }},
    {"ADD-18", [](scene& s) { s.info.flags = uapi::f_zoned; }},
    {"ADD-19",
     [](scene& s) {
         s.info.flags |= uapi::f_batch_io;
         s.info.queue_depth = 1;
     }},
    {"ADD-19", [](scene& s) { s.info.nr_hw_queues = 0; }},
    {"ADD-19", [](scene& s) { s.info.nr_hw_queues = 9; }},
    {"ADD-19", [](scene& s) { s.info.max_io_buf_bytes = 4097; }},
    {"ADD-19", [](scene& s) { s.info.flags = 1ull << 40; }},
    {"ADD-19", [](scene& s) { s.info.state = 1; }},
    {"ADD-20", &unwritable},
    {"ADD-21", [](scene& s) { s.c.node_error = ENOMEM; }},
    {"INFO-1", [](scene& s) { s.c.payload_length = std::uint16_t{63}; }},
    {"INFO-2", &unwritable},
    {"AFF-1", [](scene& s) { s.c.payload_length = std::uint16_t{0}; }},
    {"AFF-2", [](scene& s) { s.c.payload_length = std::uint16_t{9}; }},
    {"AFF-3", &no_payload},
    {"AFF-4", [](scene& s) { s.c.data = 2u; }},
    {"AFF-6", &unwritable},
    {"RBUF-1", [](scene& s) { s.c.flags = 0u; }},
    {"RBUF-2", &unreadable},
    {"RBUF-3", [](scene& s) { s.buffer.flags = 2; }},
    {"RBUF-4", [](scene& s) { s.buffer.reserved = 1; }},
    {"RBUF-5", [](scene& s) { s.buffer.len = 4095; }},
    {"RBUF-7", [](scene& s) { s.c.buffer_pinnable = false; }},
    {"RBUF-9", [](scene& s) { s.c.buffer_index_left = false; }},
    {"RBUF-10", [](scene& s) { s.c.buffer_registered_already = true; }},
    {"UBUF-1", [](scene& s) { s.c.flags = 0u; }},
    {"UBUF-2", [](scene& s) { s.c.data = 65536u; }},
    {"UBUF-3", [](scene& s) { s.c.buffer_index_known = false; }},
};

constexpr breakage params_breakages[] = {
    {"SET-1", [](scene& s) { s.c.payload_length = std::uint16_t{8}; }},
    {"SET-2", [](scene& s) { s.c.payload_head_readable = false; }},
    {"SET-3", [](scene& s) { s.c.params_length = 257u; }},
    {"SET-4", [](scene& s) { s.c.params_length = 160u; }},
    {"SET-5", [](scene& s) { s.c.disk_used = true; }},
    {"SET-6", &unreadable},
    {"SET-7", [](scene& s) { s.c.params_types = 1u << 20; }},
    {"GETP-1", &no_payload},
    {"GETP-2", [](scene& s) { s.c.payload_head_readable = false; }},
    {"GETP-2", &unwritable},
    {"GETP-3", [](scene& s) { s.c.params_length = 0u; }},
    {"GETP-4", [](scene& s) { s.c.params_length = 160u; }},
    {"PAR-1", [](scene& s) { s.params.types = uapi::param_type_discard; }},
    {"PAR-2", [](scene& s) { s.params.basic.logical_bs_shift = 8; }},
    {"PAR-3", [](scene& s) { s.params.basic.io_opt_shift = 29; }},
    {"PAR-5", [](scene& s) { s.params.basic.physical_bs_shift = 8; }},
    {"PAR-6", [](scene& s) { s.params.basic.max_sectors = 2049; }},
    {"PAR-7", [](scene& s) { s.params.basic.max_sectors = 7; }},
    {"PAR-8", [](scene& s) { zoned(s), s.params.basic.chunk_sectors = 0; }},
    {"PAR-9",
     [](scene& s) {
         s.params.types |= uapi::param_type_discard;
         s.params.discard = {.discard_granularity = 512, .max_discard_sectors = 8};
     }},
    {"PAR-10", [](scene& s) { s.params.types |= uapi::param_type_discard; }},
    {"PAR-12", [](scene& s) { s.params.types |= uapi::param_type_devt; }},
    {"PAR-13", [](scene& s) { zoned(s), s.k.zoned = false; }},
    {"PAR-14", [](scene& s) { zoned(s), s.c.flags = 0u; }},
    {"PAR-14", [](scene& s) { zoned(s), s.params.zoned.max_open_zones = 17; }},
    {"PAR-15", [](scene& s) { zoned(s), s.params.types = uapi::param_type_basic; }},
    {"PAR-16",
     [](scene& s) { s.params.types |= uapi::param_type_dma_align, s.params.dma.alignment = 512; }},
    {"PAR-17", [](scene& s) { s.params.types |= uapi::param_type_segment; }},
    {"PAR-18", [](scene& s) { integrity(s), s.params.integrity.csum_type = 3; }},
    {"START-1", [](scene& s) { s.c.data = 0u; }},
    {"START-2", [](scene& s) { s.c.stored_types = 0u; }},
    {"START-3", [](scene& s) { s.k.zoned = false, s.c.stored_types = 9u; }},
    {"START-4", &unfetched},
    {"START-4", [](scene& s) { unfetched(s), s.c.interrupted = true; }},
    {"START-5", [](scene& s) { s.c.pid_is_opener = false; }},
    {"START-6", [](scene& s) { s.c.disk_used = true; }},
    {"START-7", [](scene& s) { s.c.stopping = true; }},
    {"START-8", [](scene& s) { s.c.limits_accepted = false; }},
    {"START-9", [](scene& s) { add_flag(s, uapi::f_zoned), s.c.zones_error = EIO; }},
    {"START-10", [](scene& s) { s.c.add_disk_error = EEXIST; }},
    {"SREC-1", [](scene& s) { s.c.flags = 0u; }},
    {"SREC-1", [](scene& s) { s.c.any_queue_was_ready = false; }},
    {"SREC-2", [](scene& s) { s.c.char_open = true; }},
    {"EREC-1", &unfetched},
    {"EREC-1", [](scene& s) { unfetched(s), s.c.interrupted = true; }},
    {"EREC-2", [](scene& s) { s.c.pid_is_opener = false; }},
    {"EREC-3", [](scene& s) { s.c.flags = 0u; }},
    {"EREC-4", [](scene& s) { s.c.state = uapi::device_state::live; }},
    {"TRY-1", &no_disk},
    {"TRY-2", [](scene& s) { s.c.disk_open = true; }},
    {"STOP", &hands},
    {"DEL-1", [](scene& s) { s.c.control_busy = s.c.interrupted = true; }},
    {"DEL-1", [](scene& s) { s.c.control_busy = true; }},
    {"DEL-2", [](scene& s) { s.c.disk_open = true; }},
    {"DEL-3", &held},
    {"DEL-3", [](scene& s) { held(s), s.c.interrupted = true; }},
    {"SIZE-1", &no_disk},
    {"QUI-1", [](scene& s) { s.c.flags = 0u; }},
    {"QUI-2", &no_disk},
    {"QUI-3", [](scene& s) { s.c.state = uapi::device_state::quiesced; }},
    {"QUI-4", [](scene& s) { s.c.idle_tag_in_each_queue = false; }},
    {"QUI-4", [](scene& s) { s.c.idle_tag_in_each_queue = false, s.c.timed_out = true; }},
    {"QUI-4", [](scene& s) { s.c.idle_tag_in_each_queue = false, s.c.interrupted = true; }},
};

}  // namespace

std::span<const std::span<const breakage>> all_breakages() {
    static const std::span<const breakage> groups[] = {ring_breakages, control_breakages,
                                                       params_breakages, io_breakages()};
    return groups;
}

}  // namespace ashlar::rules
