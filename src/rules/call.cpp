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

}  // namespace ashlar::rules
