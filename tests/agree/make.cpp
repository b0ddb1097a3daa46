// SPDX-License-Identifier: MIT
#include "make.hpp"

#include <fcntl.h>
#include <sys/mman.h>

namespace agree {

namespace {

bool copies(const shape& of) {
    return (of.flags & (uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg)) == 0;
}

void with_payload(step& s, std::vector<std::byte> payload) {
    s.at = place::payload;
    s.header_len = static_cast<std::uint16_t>(payload.size());
    s.payload = std::move(payload);
}

}  // namespace

step command(uapi::ctrl_op what, unsigned dev) {
    step s;
    s.dev = static_cast<std::uint8_t>(dev);
    s.control = true;
    s.target = file::control;
    s.ring = r_wide;
    s.command = uapi::encoded(what);
    return s;
}

uapi::ctrl_dev_info good_info(const shape& of) {
    return {.nr_hw_queues = of.queues,
            .queue_depth = of.depth,
            .max_io_buf_bytes = of.max_io,
            .dev_id = uapi::device_id_auto,
            .flags = of.flags};
}

uapi::params good_params(const shape& of) {
    uapi::params p{.len = sizeof(uapi::params), .types = uapi::param_type_basic};
    p.basic = {.logical_bs_shift = 9,
               .physical_bs_shift = 12,
               .io_opt_shift = 12,
               .io_min_shift = 9,
               .max_sectors = of.max_io >> 9,
               .dev_sectors = of.sectors};
    return p;
}

step add_info(const uapi::ctrl_dev_info& info, unsigned dev) {
    step s = command(uapi::ctrl_op::add_dev, dev);
    s.dev_id = info.dev_id;
    with_payload(s, bytes_of(info));
    s.writes = gives::info;
    return s;
}

step add(const shape& of, unsigned dev) { return add_info(good_info(of), dev); }

step set_params(const uapi::params& p, unsigned dev) {
    step s = command(uapi::ctrl_op::set_params, dev);
    with_payload(s, bytes_of(p));
    return s;
}

step get_params(unsigned dev) {
    step s = command(uapi::ctrl_op::get_params, dev);
    with_payload(s, bytes_of(uapi::params{.len = sizeof(uapi::params)}));
    s.writes = gives::params;
    return s;
}

step get_info(unsigned dev) {
    step s = command(uapi::ctrl_op::get_dev_info, dev);
    with_payload(s, bytes_of(uapi::ctrl_dev_info{}));
    s.writes = gives::info;
    return s;
}

step get_info2(std::string path, unsigned dev) {
    step s = get_info(dev);
    s.command = uapi::encoded(uapi::ctrl_op::get_dev_info2);
    s.path = std::move(path);
    return s;
}

step start(unsigned dev) {
    step s = command(uapi::ctrl_op::start_dev, dev);
    s.pid_of = p_server;
    s.served = true;
    return s;
}

step end_recovery(unsigned dev) {
    step s = start(dev);
    s.command = uapi::encoded(uapi::ctrl_op::end_user_recovery);
    return s;
}

step open_char(unsigned dev) {
    step s = call(op::open, dev);
    s.flags = O_RDWR;
    return s;
}

step close_char(unsigned dev) { return call(op::close, dev); }

step map_queue(const shape& of, std::uint16_t queue, unsigned dev) {
    step s = call(op::map, dev);
    s.queue = queue;
    s.length = uapi::descriptor_map_bytes(of.depth, uapi::io_desc_size_default, 4096);
    s.position = queue * uapi::descriptor_stride(uapi::io_desc_size_default, 4096);
    s.flags = PROT_READ;
    return s;
}

step unmap_queue(std::uint16_t queue, unsigned dev) {
    step s = call(op::unmap, dev);
    s.queue = queue;
    return s;
}

step io(uapi::io_op what, std::uint16_t queue, std::uint16_t tag, unsigned dev) {
    step s;
    s.dev = static_cast<std::uint8_t>(dev);
    s.command = uapi::encoded(what);
    s.queue = queue;
    s.tag = tag;
    return s;
}

step fetch(const shape& of, std::uint16_t queue, std::uint16_t tag, unsigned dev) {
    step s = io(uapi::io_op::fetch_req, queue, tag, dev);
    if (copies(of)) s.at = place::buffer;
    if ((of.flags & uapi::f_auto_buf_reg) != 0) {
        s.entry_addr = uapi::sqe_addr({.index = static_cast<std::uint16_t>(queue * 8 + tag)});
    }
    return s;
}

step commit(const shape& of, std::int32_t result, std::uint16_t queue, std::uint16_t tag,
            unsigned dev) {
    step s = fetch(of, queue, tag, dev);
    s.command = uapi::encoded(uapi::io_op::commit_and_fetch_req);
    s.result = result;
    return s;
}

step batch(uapi::io_op what, std::uint16_t queue, std::vector<std::uint16_t> tags,
           std::int32_t result, bool with_buffers, unsigned dev) {
    step s = io(what, queue, 0, dev);
    s.batch = true;
    s.batch_flags = with_buffers ? uapi::batch_f_has_buf_addr : std::uint16_t{0};
    s.element_bytes = uapi::batch_elem_bytes(s.batch_flags);
    s.elements = static_cast<std::uint16_t>(tags.size());
    for (std::uint16_t tag : tags) {
        const auto element =
            bytes_of(uapi::elem_header{.tag = tag, .buf_index = tag, .result = result});
        s.payload.insert(s.payload.end(), element.begin(), element.end());
        // Any address but 0 is replaced by that of the tag's buffer.
        if (with_buffers) s.payload.insert(s.payload.end(), 8, std::byte{1});
    }
    s.at = place::payload;
    return s;
}

step fetch_batch(std::uint16_t queue, unsigned dev) {
    step s = io(uapi::io_op::fetch_io_cmds, queue, 0, dev);
    s.batch = true;
    s.element_bytes = 2;
    s.command_flags = 1u << 1;  // IORING_URING_CMD_MULTISHOT
    s.entry_flags = 1u << 5;    // IOSQE_BUFFER_SELECT
    s.group = 1;
    return s;
}

step disk_open(int flags, unsigned dev) {
    step s = by(call(op::disk_open, dev), p_other);
    s.flags = static_cast<std::uint32_t>(flags);
    return s;
}

step disk(op what, std::uint64_t position, std::uint64_t length, unsigned dev) {
    step s = by(call(what, dev), p_other);
    s.position = position;
    s.length = length;
    return s;
}

step call(op what, unsigned dev) {
    step s;
    s.what = what;
    s.dev = static_cast<std::uint8_t>(dev);
    return s;
}

step by(step s, unsigned process, unsigned thread) {
    s.process = static_cast<std::uint8_t>(process);
    s.thread = static_cast<std::uint8_t>(thread);
    return s;
}

// --- whole beginnings ----------------------------------------------------------------------------

steps added(const shape& of, unsigned dev) {
    return {add(of, dev), set_params(good_params(of), dev)};
}

steps opened(const shape& of, unsigned dev) {
    steps all = added(of, dev);
    all.push_back(open_char(dev));
    for (std::uint16_t q = 0; q < of.queues; ++q) all.push_back(map_queue(of, q, dev));
    return all;
}

namespace {

steps fetched_in_batches(const shape& of, unsigned dev) {
    step buffers = call(op::provide, dev);
    buffers.length = 8;
    buffers.group = 1;
    steps all = {buffers};
    std::vector<std::uint16_t> tags;
    for (std::uint16_t t = 0; t < of.depth; ++t) tags.push_back(t);
    for (std::uint16_t q = 0; q < of.queues; ++q) {
        all.push_back(batch(uapi::io_op::prep_io_cmds, q, tags, 0, copies(of), dev));
        all.push_back(fetch_batch(q, dev));
    }
    return all;
}

}  // namespace

steps fetched(const shape& of, unsigned dev) {
    steps all = opened(of, dev);
    if ((of.flags & uapi::f_auto_buf_reg) != 0) {
        step table = call(op::table, dev);
        table.length = 64;
        all.push_back(table);
    }
    if ((of.flags & uapi::f_batch_io) != 0) {
        join(all, fetched_in_batches(of, dev));
        return all;
    }
    for (std::uint16_t q = 0; q < of.queues; ++q) {
        for (std::uint16_t t = 0; t < of.depth; ++t) all.push_back(fetch(of, q, t, dev));
    }
    return all;
}

steps live(const shape& of, unsigned dev) {
    steps all = fetched(of, dev);
    all.push_back(start(dev));
    return all;
}

steps asked(const shape& of) {
    steps all = live(of);
    all.push_back(disk_open(O_RDWR));
    all.push_back(disk(op::disk_read));
    return all;
}

steps taken_over(const shape& of) {
    steps all = {by(open_char(), p_other, 1)};
    for (std::uint16_t q = 0; q < of.queues; ++q) all.push_back(by(map_queue(of, q), p_other, 1));
    if ((of.flags & uapi::f_batch_io) != 0) {
        for (const step& s : fetched_in_batches(of, 0)) all.push_back(by(s, p_other, 1));
    }
    for (std::uint16_t q = 0; q < of.queues && (of.flags & uapi::f_batch_io) == 0; ++q) {
        for (std::uint16_t t = 0; t < of.depth; ++t) {
            all.push_back(by(fetch(of, q, t), p_other, 1));
        }
    }
    all.push_back(changed(by(end_recovery(), p_other, 1), [](step& s) { s.pid_of = p_other; }));
    return all;
}

}  // namespace agree
