// SPDX-License-Identifier: MIT
#include "rules/call.hpp"

#include "rules/rows.hpp"

namespace ashlar::rules {

subject subject_of(uapi::ctrl_op command) {
    switch (command) {
        case uapi::ctrl_op::get_queue_affinity: return subject::get_queue_affinity;
        case uapi::ctrl_op::get_dev_info: return subject::get_dev_info;
        case uapi::ctrl_op::add_dev: return subject::add_dev;
        case uapi::ctrl_op::del_dev: return subject::del_dev;
        case uapi::ctrl_op::start_dev: return subject::start_dev;
        case uapi::ctrl_op::stop_dev: return subject::stop_dev;
        case uapi::ctrl_op::set_params: return subject::set_params;
        case uapi::ctrl_op::get_params: return subject::get_params;
        case uapi::ctrl_op::start_user_recovery: return subject::start_user_recovery;
        case uapi::ctrl_op::end_user_recovery: return subject::end_user_recovery;
        case uapi::ctrl_op::get_dev_info2: return subject::get_dev_info2;
        case uapi::ctrl_op::get_features: return subject::get_features;
        case uapi::ctrl_op::del_dev_async: return subject::del_dev_async;
        case uapi::ctrl_op::update_size: return subject::update_size;
        case uapi::ctrl_op::quiesce_dev: return subject::quiesce_dev;
        case uapi::ctrl_op::try_stop_dev: return subject::try_stop_dev;
        case uapi::ctrl_op::reg_buf: return subject::reg_buf;
        case uapi::ctrl_op::unreg_buf: return subject::unreg_buf;
    }
    return subject::unknown_control;
}

subject subject_of(uapi::io_op command) {
    switch (command) {
        case uapi::io_op::fetch_req: return subject::fetch_req;
        case uapi::io_op::commit_and_fetch_req: return subject::commit_and_fetch_req;
        case uapi::io_op::need_get_data: return subject::need_get_data;
        case uapi::io_op::register_io_buf: return subject::register_io_buf;
        case uapi::io_op::unregister_io_buf: return subject::unregister_io_buf;
        case uapi::io_op::prep_io_cmds: return subject::prep_io_cmds;
        case uapi::io_op::commit_io_cmds: return subject::commit_io_cmds;
        case uapi::io_op::fetch_io_cmds: return subject::fetch_io_cmds;
    }
    return subject::unknown_io;
}

version first_release(subject s) {
    switch (s) {
        case subject::start_user_recovery:
        case subject::end_user_recovery: return {6, 1};
        case subject::get_dev_info2: return {6, 3};
        case subject::get_features:
        case subject::read_data:
        case subject::write_data: return {6, 5};
        case subject::del_dev_async: return {6, 9};
        case subject::register_io_buf:
        case subject::unregister_io_buf: return {6, 15};
        case subject::update_size:
        case subject::quiesce_dev: return {6, 16};
        case subject::try_stop_dev:
        case subject::prep_io_cmds:
        case subject::prep_element:
        case subject::commit_io_cmds:
        case subject::commit_element:
        case subject::fetch_io_cmds: return {7, 0};
        case subject::reg_buf:
        case subject::unreg_buf: return {7, 1};
        default: return {6, 0};
    }
}

void fill_payload(const kernel& k, call& c) {
    const auto nr = c.command_number.known() ? uapi::decode(c.command_number.value()).nr : 0;
    const bool no_device = nr == static_cast<std::uint8_t>(uapi::ctrl_op::add_dev) ||
                           exactly(c, uapi::ctrl_op::get_features).yes();
    const maybe step = !no_device && k.at_least(6, 3) && path_step(c);
    c.payload_length = c.length;
    c.payload_address = c.address;
    if (step.no()) return;
    if (!step.yes() || !c.path_length.known()) {
        c.payload_length.forget();
        c.payload_address.forget();
        return;
    }
    const std::uint16_t path = c.path_length.value();
    if (c.length.known()) c.payload_length = static_cast<std::uint16_t>(c.length.value() - path);
    if (c.address.known()) c.payload_address = c.address.value() + path;
}

void fill_usual_entry(call& c, std::uint32_t command_number, call::file_kind file) {
    c.opcode = 46;
    c.entry_flags = 0;
    c.ioprio = 0;
    c.pad1 = 0U;
    c.command_flags = 0U;
    c.entry_address = 0U;
    c.command_number = command_number;
    c.file = file;
    c.personality_known = c.fields_of_other_opcode_clear = true;
    c.polled_ring = c.restricted = false;
    c.lsm_error = 0;
}

}  // namespace ashlar::rules
