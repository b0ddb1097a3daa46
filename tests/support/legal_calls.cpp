// SPDX-License-Identifier: MIT
#include "support/legal_calls.hpp"

#include <optional>

namespace ashlar::rules {

namespace {

using enum subject;

std::optional<std::uint32_t> number_of(const kernel& k, subject s) {
    for (uapi::ctrl_op op : uapi::ctrl_ops) {
        if (subject_of(op) == s) return k.at_least(6, 4) ? encoded(op) : raw(op);
    }
    for (uapi::io_op op : uapi::io_ops) {
        if (subject_of(op) == s) return k.at_least(6, 4) ? encoded(op) : raw(op);
    }
    if (s == unknown_control || s == unknown_io) return k.at_least(6, 4) ? 0xc0107560u : 0x60u;
    return std::nullopt;
}

bool is_of_batch(subject s) {
    return s == prep_io_cmds || s == commit_io_cmds || s == fetch_io_cmds || s == prep_element ||
           s == commit_element;
}

std::uint64_t flags_for(subject s) {
    if (is_of_batch(s)) return uapi::f_batch_io;
    switch (s) {
        case start_user_recovery:
        case end_user_recovery: return uapi::f_user_recovery;
        case quiesce_dev: return uapi::f_user_recovery | uapi::f_quiesce;
        case reg_buf:
        case unreg_buf: return uapi::f_shmem_zc;
        case register_io_buf:
        case unregister_io_buf: return uapi::f_supp_zero_copy;
        case read_data:
        case write_data: return uapi::f_user_copy;
        default: return 0;
    }
}

}  // namespace

scene::scene(const kernel& of, subject s) : k(of), about(s) {
    fill_entry();
    fill_control();
    fill_device();
    fill_slot();
    fill_files();
    fill_payload(k, c);
}

void scene::fill_entry() {
    c.opcode = 46;
    c.entry_flags = 0;
    c.ioprio = 0;
    if (const auto number = number_of(k, about)) c.command_number = *number;
    c.pad1 = 0u;
    c.command_flags = 0u;
    c.entry_address = 0u;
    c.file = call::file_kind::control;
    c.wide_entry = c.personality_known = c.fields_of_other_opcode_clear = true;
    c.polled_ring = c.restricted = false;
    c.admin = true;
    c.interrupted = false;
    c.lsm_error = c.add_disk_error = c.zones_error = c.node_error = 0;
}

void scene::fill_control() {
    info = {
        .nr_hw_queues = 2, .queue_depth = 8, .max_io_buf_bytes = 1 << 20, .dev_id = 3, .flags = 0};
    params = {.len = sizeof(params),
              .types = uapi::param_type_basic,
              .basic = {.logical_bs_shift = 9,
                        .physical_bs_shift = 12,
                        .io_opt_shift = 12,
                        .io_min_shift = 9,
                        .max_sectors = 2048,
                        .dev_sectors = 1 << 20}};
    buffer = {.addr = 0x10000, .len = 1 << 20};
    c.dev_id = 3u;
    c.queue_id = uapi::queue_id_none;
    c.length = std::uint16_t{256};
    if (about == get_features) c.length = std::uint16_t{8};
    c.address = 0x7f0000001000u;
    c.data = 1u;
    c.path_length = std::uint16_t{0};
    if (about == get_dev_info2) c.path_length = std::uint16_t{16};
    c.path_readable = c.path_is_device = c.path_permitted = true;
    c.path_error = 0;
    c.payload_head_readable = c.payload_readable = c.payload_writable = true;
    c.info = &info;
    c.params_length = 64u;
    c.params_types = params.types;
    c.params = &params;
    c.buffer = &buffer;
    c.buffer_pinnable = c.buffer_index_left = c.buffer_index_known = true;
    c.buffer_registered_already = false;
}

void scene::fill_device() {
    const bool disk = about != set_params && about != start_dev;
    c.device_exists = true;
    c.id_taken = c.control_busy = c.in_hands = c.timed_out = false;
    c.devices = c.unprivileged_devices = 1u;
    c.flags = flags_for(about);
    c.state = disk ? uapi::device_state::live : uapi::device_state::dead;
    if (about == start_user_recovery || about == end_user_recovery) {
        c.state = uapi::device_state::quiesced;
    }
    c.queues = std::uint16_t{2};
    c.depth = std::uint16_t{8};
    c.descriptor_bytes = std::uint16_t{24};
    c.max_io = 1u << 20;
    c.stored_types = std::uint32_t{uapi::param_type_basic};
    c.stored_length = 64u;
    c.disk_present = c.disk_used = disk;
    c.disk_open = c.stopping = c.char_open = false;
    const bool fetches = about == fetch_req || about == prep_element;
    c.all_fetched = c.queue_fetched = !fetches;
    c.any_queue_was_ready = c.char_exists = c.pid_is_opener = true;
    c.idle_tag_in_each_queue = c.id_free = c.limits_accepted = c.owner_matches = true;
    c.mapped_by_other = c.blocked_for_users = c.cancelling = c.force_abort = false;
}

void scene::fill_slot() {
    batch = {.nr_elem = 4, .elem_bytes = 8};
    if (about == fetch_io_cmds) batch = {.elem_bytes = 2};
    c.batch = &batch;
    c.q_id = std::uint16_t{1};
    c.tag = std::uint16_t{7};
    c.result = 4096;
    const bool no_buffer = about == register_io_buf || about == unregister_io_buf;
    c.io_address = no_buffer ? 0u : 0x7f0000002000u;
    c.slot_active = false;
    c.slot_owned = about != fetch_req && about != prep_element;
    c.slot_wants_data = about == need_get_data;
    c.caller_owns_slot = c.slot_owned;
    c.other_daemon = false;
    c.request_op = about == write_data ? uapi::op::read : uapi::op::write;
    c.request_has_data = true;
    c.request_bytes = 4096u;
    c.index_in_table = true;
    c.index_used = about == unregister_io_buf;
    c.index_is_user_buffer = false;
    c.elements_readable = c.multishot = true;
}

void scene::fill_files() {
    c.may_open = c.opened_for_reading = c.opened_for_writing = c.map_shared = true;
    c.map_writable = false;
    c.bytes = 192u;
    c.position = about == map_descriptors ? uapi::descriptor_stride(24, k.page_bytes)
                                          : uapi::user_copy_position(1, 7, 512);
    c.user_memory = true;
}

}  // namespace ashlar::rules
