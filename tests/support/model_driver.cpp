// SPDX-License-Identifier: MIT
// The driver of the model: control commands, tags, requests.
#include "support/model_state.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ashlar::test {

void model_machine::consume(ring_state& r, const io_uring_sqe& entry) {
    const int fd = (entry.flags & IOSQE_FIXED_FILE) != 0
                       ? r.registered.at(static_cast<std::size_t>(entry.fd))
                       : entry.fd;
    if (entry.opcode == IORING_OP_ASYNC_CANCEL) {
        const auto gone = std::erase_if(blocked_, [&](const blocked& b) {
            if (b.ring != &r || b.user_data != entry.addr) return false;
            post(r, b.user_data, -EINTR);
            return true;
        });
        return post(r, entry.user_data, gone != 0 ? 0 : -ENOENT);
    }
    if (entry.opcode == IORING_OP_TIMEOUT) return post(r, entry.user_data, -ETIME);
    if (entry.opcode != IORING_OP_URING_CMD) return consume_io(r, entry, fd);

    const file& f = files_.at(fd);
    if (f.what == file::kind::character) {
        const int outcome = character_command(r, entry, f.device);
        if (outcome != 0) post(r, entry.user_data, outcome);
        return settle();
    }
    uapi::ctrl_cmd command;
    std::memcpy(&command, entry.cmd, sizeof command);
    if (int code = injected()) return post(r, entry.user_data, -code);
    std::function<std::optional<int>()> later;
    const auto outcome = control(entry.cmd_op, command, later);
    if (outcome) {
        post(r, entry.user_data, *outcome);
    } else {
        blocked_.push_back({&r, entry.user_data, std::move(later)});
    }
    settle();
}

// Files: short transfers wherever there is more than a sector to move.
void model_machine::consume_io(ring_state& r, const io_uring_sqe& entry, int fd) {
    file& f = files_.at(fd);
    auto* memory = reinterpret_cast<std::byte*>(entry.addr);
    if (f.what == file::kind::wakeup) {
        if (f.signals != 0) return post(r, entry.user_data, 8);
        r.wakeups[fd] = entry.user_data;
        return;
    }
    if (entry.opcode == IORING_OP_READ || entry.opcode == IORING_OP_WRITE) {
        const std::uint64_t end = f.content.size();
        std::uint64_t bytes =
            entry.off < end ? std::min<std::uint64_t>(entry.len, end - entry.off) : 0;
        if (bytes > 512) bytes = bytes / 2;
        auto there =
            f.content.begin() + static_cast<std::ptrdiff_t>(std::min(entry.off + 0ULL, end + 0ULL));
        if (entry.opcode == IORING_OP_READ) {
            std::copy_n(there, bytes, memory);
        } else {
            std::copy_n(memory, bytes, there);
        }
        return post(r, entry.user_data, static_cast<int>(bytes));
    }
    post(r, entry.user_data, entry.opcode == IORING_OP_FSYNC ? 0 : -EOPNOTSUPP);
}

bool model_machine::all_fetched(const device_state& d) {
    for (const auto& queue : d.tags) {
        for (const tag_state& t : queue) {
            if (t.ring == nullptr && t.request == nullptr) return false;
        }
    }
    return true;
}

bool model_machine::idle(const device_state& d) {
    if (!d.waiting.empty()) return false;
    for (const auto& queue : d.tags) {
        for (const tag_state& t : queue) {
            if (t.request != nullptr) return false;
        }
    }
    return true;
}

int model_machine::add_device(const uapi::ctrl_cmd& c) {
    auto* info = reinterpret_cast<uapi::ctrl_dev_info*>(c.addr);
    if (c.len < sizeof *info || c.queue_id != uapi::queue_id_none) return -EINVAL;
    std::uint32_t id = info->dev_id;
    if (id == uapi::device_id_auto) {
        for (id = 0; devices_.contains(id);) ++id;
    }
    if (devices_.contains(id)) return -EEXIST;
    auto d = std::make_unique<device_state>();
    info->dev_id = id;
    info->state = 0;
    info->flags &= features;
    info->nr_hw_queues =
        static_cast<std::uint16_t>(std::min<unsigned>(info->nr_hw_queues, queues_max));
    d->info = *info;
    d->tags.assign(info->nr_hw_queues, std::vector<tag_state>(info->queue_depth));
    d->descriptors.resize(info->nr_hw_queues *
                          uapi::descriptor_stride(sizeof(uapi::io_desc), 4096));
    devices_[id] = std::move(d);
    return 0;
}

std::optional<int> model_machine::control(std::uint32_t number, const uapi::ctrl_cmd& c,
                                          std::function<std::optional<int>()>& later) {
    const bool raw = uapi::decode(number).type == 0;
    if (raw != raw_only) return -EOPNOTSUPP;
    const auto op = static_cast<uapi::ctrl_op>(uapi::decode(number).nr);
    using enum uapi::ctrl_op;
    if (op == get_features) {
        *reinterpret_cast<std::uint64_t*>(c.addr) = features;
        return 0;
    }
    if (op == add_dev) return add_device(c);
    auto found = devices_.find(c.dev_id);
    if (found == devices_.end()) return -ENODEV;
    device_state* d = found->second.get();
    switch (op) {
        case get_dev_info:
            std::memcpy(reinterpret_cast<void*>(c.addr), &d->info, sizeof d->info);
            return 0;
        case set_params:
            std::memcpy(&d->params, reinterpret_cast<void*>(c.addr), sizeof d->params);
            return 0;
        case get_queue_affinity:
            *reinterpret_cast<unsigned long*>(c.addr) = 1UL << (c.data[0] % 4);
            return 0;
        case start_dev:
            later = [this, d]() -> std::optional<int> {
                if (!all_fetched(*d) || !answer_start) return std::nullopt;
                d->started = true;
                d->info.state = static_cast<std::uint16_t>(uapi::device_state::live);
                d->info.ublksrv_pid = process_id();
                return 0;
            };
            return std::nullopt;
        case try_stop_dev:
            if (!d->started) return -ENODEV;
            if (!holders_.empty()) return -EBUSY;
            [[fallthrough]];
        case stop_dev:
            d->stopping = true;
            later = [this, d]() -> std::optional<int> {
                if (!idle(*d)) return std::nullopt;
                stop(*d);
                return 0;
            };
            return std::nullopt;
        case del_dev:
            d->stopping = d->deleted = true;
            later = [this, id = c.dev_id]() -> std::optional<int> {
                auto which = devices_.find(id);
                if (which == devices_.end()) return 0;
                if (!idle(*which->second)) return std::nullopt;
                stop(*which->second);
                // Whoever maps or holds the character device keeps the id.
                if (which->second->openers != 0 || which->second->mappings != 0)
                    return std::nullopt;
                devices_.erase(which);
                return 0;
            };
            return std::nullopt;
        default: return -EOPNOTSUPP;
    }
}

void model_machine::stop(device_state& d) {
    d.started = false;
    d.info.state = 0;
    d.info.ublksrv_pid = -1;
    for (auto& queue : d.tags) {
        for (tag_state& t : queue) {
            if (t.ring != nullptr) post(*t.ring, t.user_data, -ENODEV);
            t.ring = nullptr;
        }
    }
}

// Tries what was waiting, until nothing moves any more.
void model_machine::settle() {
    for (bool moved = true; moved;) {
        moved = false;
        for (std::size_t i = 0; i < blocked_.size(); ++i) {
            auto outcome = blocked_[i].try_it();
            if (!outcome) continue;
            post(*blocked_[i].ring, blocked_[i].user_data, *outcome);
            blocked_.erase(blocked_.begin() + static_cast<std::ptrdiff_t>(i));
            moved = true;
            break;
        }
    }
    changed_.notify_all();
}

int model_machine::character_command(ring_state& r, const io_uring_sqe& entry,
                                     std::uint32_t device) {
    device_state& d = *devices_.at(device);
    uapi::io_cmd c;
    std::memcpy(&c, entry.cmd, sizeof c);
    if ((uapi::decode(entry.cmd_op).type == 0) != raw_only) return -EOPNOTSUPP;
    if (c.q_id >= d.info.nr_hw_queues || c.tag >= d.info.queue_depth || c.addr == 0) return -EINVAL;
    tag_state& t = d.tags[c.q_id][c.tag];
    const auto op = static_cast<uapi::io_op>(uapi::decode(entry.cmd_op).nr);
    if (op == uapi::io_op::fetch_req) {
        if (int code = injected()) return -code;
        if (t.ring != nullptr) return -EINVAL;
    } else if (op == uapi::io_op::commit_and_fetch_req) {
        if (t.request == nullptr) return -EBUSY;
        if (int code = commit(d, t, c)) return code;
    } else {
        return -EINVAL;
    }
    if (d.stopping && !d.started) return -ENODEV;
    t.ring = &r;
    t.user_data = entry.user_data;
    t.address = c.addr;
    deliver(d);
    return 0;
}

int model_machine::commit(device_state&, tag_state& t, const uapi::io_cmd& c) {
    block_request& q = *t.request;
    q.outcome = c.result;
    if (q.op == uapi::op::read && c.result > 0) {
        std::memcpy(q.data.data(), reinterpret_cast<const void*>(c.addr),
                    std::min(q.data.size(), static_cast<std::size_t>(c.result)));
    }
    // The buffer is the server's again; what it read there must not be there any more.
    std::memset(reinterpret_cast<void*>(c.addr), 0x5a, q.data.size());
    q.done = true;
    t.request = nullptr;
    return 0;
}

void model_machine::deliver(device_state& d) {
    if (!d.started) return;
    std::erase_if(d.waiting, [&](block_request* q) {
        auto& queue = d.tags.at(q->queue);
        for (std::uint16_t tag = 0; tag < queue.size(); ++tag) {
            tag_state& t = queue[tag];
            if (t.ring == nullptr) continue;
            const uapi::io_desc descriptor{.op_flags = static_cast<std::uint32_t>(q->op) | q->flags,
                                           .nr_sectors = q->sectors,
                                           .start_sector = q->sector,
                                           .addr = t.address};
            std::memcpy(d.descriptors.data() +
                            q->queue * uapi::descriptor_stride(sizeof descriptor, 4096) +
                            tag * sizeof descriptor,
                        &descriptor, sizeof descriptor);
            if (q->op == uapi::op::write) {
                std::memcpy(reinterpret_cast<void*>(t.address), q->data.data(), q->data.size());
            }
            t.request = q;
            post(*t.ring, t.user_data, uapi::io_res_ok);
            t.ring = nullptr;
            return true;
        }
        return false;
    });
}

void model_machine::perform(std::uint32_t device, std::span<block_request> requests) {
    std::unique_lock lock(mutex_);
    device_state& d = *devices_.at(device);
    for (block_request& q : requests) {
        q.done = false;
        if (q.op == uapi::op::read) q.data.resize(std::size_t{q.sectors} * uapi::sector_bytes);
        d.waiting.push_back(&q);
    }
    deliver(d);
    changed_.notify_all();
    changed_.wait(lock, [&] {
        return std::ranges::all_of(requests, [](const block_request& q) { return q.done; });
    });
}

int model_machine::perform(std::uint32_t device, block_request& request) {
    perform(device, std::span(&request, 1));
    return request.outcome;
}

void model_machine::remove_device(std::uint32_t id) {
    std::unique_lock lock(mutex_);
    stop(*devices_.at(id));
    changed_.notify_all();
    // The server may delete it as well, and before.
    changed_.wait(lock, [&] {
        auto found = devices_.find(id);
        if (found == devices_.end()) return true;
        return found->second->openers == 0 && found->second->mappings == 0;
    });
    devices_.erase(id);
    settle();
}

uapi::params model_machine::params_of(std::uint32_t id) {
    std::lock_guard lock(mutex_);
    return devices_.at(id)->params;
}

}  // namespace ashlar::test
