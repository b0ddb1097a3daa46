// SPDX-License-Identifier: MIT
#include "actor.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

namespace agree {

process_state::process_state(calls& on)
    : buffers(on.memory(devices_max * queues_max * tags_max * buffer_bytes)),
      area(on.memory(area_bytes)) {
    for (auto& fd : char_fd) fd = -1;
    for (auto& fd : disk_fd) fd = -1;
}

actor::~actor() {
    for (ring& r : rings_) {
        if (r.open) calls_.ring_close(r.raw);
    }
}

void actor::abandon() {
    for (ring& r : rings_) r.open = false;
}

int actor::ring_for(unsigned index) {
    ring& r = rings_[index];
    if (r.open) return 0;
    const bool wide = index == r_wide || index == r_polled;
    const int outcome = calls_.ring_open(r.raw, 64,
                                         (wide ? IORING_SETUP_SQE128 : 0U) |
                                             (index == r_polled ? IORING_SETUP_IOPOLL : 0U));
    if (outcome < 0) return outcome;
    r.entry_bytes = wide ? 128 : 64;
    r.open = true;
    return 0;
}

int actor::file_for(const step& s) {
    switch (s.target) {
        case file::control:
            if (process_.control_fd < 0) {
                process_.control_fd = calls_.open("/dev/ublk-control", O_RDWR);
            }
            return process_.control_fd;
        case file::device: return process_.char_fd[s.dev];
        case file::disk: return process_.disk_fd[s.dev];
        case file::null:
            if (process_.null_fd < 0) process_.null_fd = calls_.open("/dev/null", O_RDWR);
            return process_.null_fd;
        case file::regular:
            if (process_.regular_fd < 0) {
                process_.regular_fd = calls_.open(regular_path, O_RDWR | O_CREAT);
            }
            return process_.regular_fd;
        case file::closed: break;
    }
    return 999;
}

std::uint64_t actor::address(const step& s, std::byte* payload) const {
    switch (s.at) {
        case place::none: break;
        case place::bad: return bad_address;
        case place::edge:
        case place::payload: return reinterpret_cast<std::uintptr_t>(payload);
        case place::buffer:
            return reinterpret_cast<std::uintptr_t>(process_.buffer(s.dev, s.queue, s.tag));
        case place::number: return s.number;
        case place::area: return reinterpret_cast<std::uintptr_t>(process_.area) + s.number;
    }
    return 0;
}

std::optional<std::string> actor::perform(unsigned number) {
    const step& s = sequence_.steps[number];
    switch (s.what) {
        case op::submit: return submit(number);
        case op::map:
        case op::unmap:
        case op::protect: return map_call(s);
        case op::table:
        case op::provide:
        case op::ring_close: return ring_call(s);
        case op::disk_open:
        case op::disk_close:
        case op::disk_read:
        case op::disk_write:
        case op::disk_flush:
        case op::disk_discard:
        case op::disk_zero: return disk_call(s);
        case op::thread_end:
            for (ring& r : rings_) {
                if (r.open) calls_.ring_close(r.raw);
                r.open = false;
            }
            return "0";
        default: return file_call(s);
    }
}

std::optional<std::string> actor::submit(unsigned number) {
    const step& s = sequence_.steps[number];
    if (const int opened = ring_for(s.ring); opened < 0) return "ring:" + errno_text(opened);
    ring& r = rings_[s.ring];
    const int fd = file_for(s);
    if (fd < 0) return "fd:" + errno_text(fd);
    io_uring_sqe* entry = io_uring_get_sqe(&r.raw);
    if (entry == nullptr) return "ring:full";
    std::memset(static_cast<void*>(entry), 0, r.entry_bytes);
    entry->opcode = s.opcode;
    entry->flags = s.entry_flags;
    entry->ioprio = s.ioprio;
    entry->fd = fd;
    entry->off = s.command | (std::uint64_t{s.pad1} << 32);
    entry->addr = s.entry_addr;
    entry->rw_flags = static_cast<int>(s.command_flags);
    entry->user_data = number;
    entry->buf_index = s.group;
    entry->personality = s.personality;

    // Room for what the kernel writes, too: a page and what precedes it.
    std::byte* payload = calls_.memory(8192);
    if (s.at == place::edge) {
        ::mprotect(payload + 4096, 4096, PROT_NONE);
        payload += 4096 - s.payload.size();
    }
    payloads_[number] = payload;
    const std::string path = s.path.value_or("");
    std::memcpy(payload, path.data(), path.size());
    if (!s.payload.empty()) {
        std::memcpy(payload + path.size(), s.payload.data(), s.payload.size());
    }
    forget(s, number);
    if (s.own_area && s.payload.size() >= 8) {
        std::uint64_t at = 0;
        std::memcpy(&at, payload, sizeof at);
        at += reinterpret_cast<std::uintptr_t>(process_.area);
        std::memcpy(payload, &at, sizeof at);
    }
    if (s.control) fill_control(s, *entry, payload);
    else fill_io(s, *entry, payload);
    if (const int outcome = calls_.ring_submit(r.raw); outcome < 0) {
        return "enter:" + errno_text(outcome);
    }
    return std::nullopt;
}

void actor::fill_control(const step& s, io_uring_sqe& entry, std::byte* payload) {
    uapi::ctrl_cmd command{
        .dev_id = s.dev_id.value_or(static_cast<std::uint32_t>(board_.devices[s.dev].id.load())),
        .queue_id = s.queue_id,
        .len = s.header_len,
        .addr = address(s, payload),
        .dev_path_len =
            s.path_len.value_or(static_cast<std::uint16_t>(s.path ? s.path->size() : 0))};
    command.data[0] =
        s.pid_of ? static_cast<std::uint64_t>(board_.pids[*s.pid_of].load()) : s.data0;
    if (s.path && !s.path_len)
        command.len = static_cast<std::uint16_t>(command.len + s.path->size());
    std::memcpy(reinterpret_cast<std::byte*>(&entry) + 48, &command,
                rings_[s.ring].entry_bytes == 128 ? sizeof command : 16);
}

void actor::fill_io(const step& s, io_uring_sqe& entry, std::byte* payload) {
    std::byte* to = reinterpret_cast<std::byte*>(&entry) + 48;
    if (s.batch) {
        const uapi::batch_io header{.q_id = s.queue,
                                    .flags = s.batch_flags,
                                    .nr_elem = s.elements,
                                    .elem_bytes = s.element_bytes};
        std::memcpy(to, &header, sizeof header);
        entry.addr = address(s, payload);
        fill_elements(s, payload);
        return;
    }
    const uapi::io_cmd command{
        .q_id = s.queue, .tag = s.tag, .result = s.result, .addr = address(s, payload)};
    std::memcpy(to, &command, sizeof command);
}

// Addresses in elements are those of this process: the payload only marks where one is wanted.
void actor::fill_elements(const step& s, std::byte* payload) {
    const bool with_addr = (s.batch_flags & uapi::batch_f_has_buf_addr) != 0;
    for (unsigned i = 0; i < s.elements; ++i) {
        std::byte* element = payload + i * s.element_bytes;
        if ((i + 1) * s.element_bytes > s.payload.size() || s.element_bytes < 8) break;
        std::uint16_t tag = 0;
        std::memcpy(&tag, element, sizeof tag);
        if (tag == tag_delivered) {
            tag = process_.last_tag[s.dev][s.queue % queues_max];
            std::memcpy(element, &tag, sizeof tag);
            std::memcpy(element + 2, &tag, sizeof tag);
        }
        std::uint64_t marked = 0;
        if (with_addr && s.element_bytes >= 16) std::memcpy(&marked, element + 8, sizeof marked);
        if (marked == 0) continue;
        const auto at = reinterpret_cast<std::uintptr_t>(process_.buffer(s.dev, s.queue, tag));
        std::memcpy(element + 8, &at, sizeof at);
    }
}

std::vector<event> actor::reap() {
    std::vector<event> all;
    for (ring& r : rings_) {
        if (!r.open) continue;
        calls_.ring_poll(r.raw);
        while (io_uring_cq_ready(&r.raw) != 0) {
            const io_uring_cqe* c = &r.raw.cq.cqes[*r.raw.cq.khead & r.raw.cq.ring_mask];
            const io_uring_cqe copy{.user_data = c->user_data, .res = c->res, .flags = c->flags};
            io_uring_cq_advance(&r.raw, 1);
            if (copy.user_data >= of_serving) continue;
            const unsigned number = static_cast<unsigned>(copy.user_data);
            if (board_.serving && serve(r, number, copy)) continue;
            remember(r, number, copy);
            if (auto text = completion(r, copy)) all.push_back({number, std::move(*text)});
        }
    }
    return all;
}

std::vector<int> actor::ring_fds() const {
    std::vector<int> fds;
    for (const ring& r : rings_) {
        if (r.open) fds.push_back(r.raw.ring_fd);
    }
    return fds;
}

}  // namespace agree
