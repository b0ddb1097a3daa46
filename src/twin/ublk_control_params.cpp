// SPDX-License-Identifier: MIT
// What a device is asked and told: parameters, its state, CPUs, shared memory.
#include "twin/ublk_core.hpp"

#include <algorithm>
#include <cstring>

namespace ashlar::twin {

namespace {

// The scope of a device's mutex.
class held {
public:
    explicit held(ublk_device& d) : mutex_(d.mutex) { mutex_.lock(); }
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    ~held() { mutex_.unlock(); }

private:
    kernel_mutex& mutex_;
};

struct params_head {
    std::uint32_t length = 0, types = 0;
};

// The first 8 bytes of the payload, if there is room for more.
params_head head_of(control_call& call) {
    params_head head;
    if (call.payload_bytes() <= sizeof head || call.payload() == 0) return head;
    const bool readable = process::copy_in(&head, call.payload(), sizeof head);
    call.facts.payload_head_readable = readable;
    if (!readable) return head;
    call.facts.params_length = head.length;
    call.facts.params_types = head.types;
    return head;
}

}  // namespace

int ublk_core::set_params(control_call& call) {
    ublk_device& d = *call.device;
    const held mutex(d);
    fill_device(call);
    const params_head head = head_of(call);
    if (const int code = refused(call)) return code;
    // Only what was sent is replaced; the rest keeps what it was.
    uapi::params merged = d.params;
    const std::uint32_t bytes = std::min(head.length, version.params_bytes());
    const bool readable = process::copy_in(&merged, call.payload(), bytes);
    call.facts.payload_readable = readable;
    merged.len = head.length;  // as it was sent, not as it was cut
    if (readable) {
        merged.types &= version.param_types();
        call.facts.params = &merged;
    }
    if (const int code = refused(call)) {
        if (at_least(7, 2)) {
            d.params = {};
        } else {
            d.params = merged;
            if (readable) d.params.types = 0;
        }
        return code;
    }
    d.params = merged;
    return 0;
}

int ublk_core::get_params(control_call& call) {
    ublk_device& d = *call.device;
    const held mutex(d);
    fill_device(call);
    const params_head head = head_of(call);
    if (const int code = refused(call)) return code;
    if (at_least(6, 3)) {
        d.params.devt = {.char_major = 240,
                         .char_minor = d.id,
                         .disk_major = d.shown != nullptr ? 259u : 0u,
                         .disk_minor = d.shown != nullptr ? d.id : 0u};
        d.params.types |= uapi::param_type_devt;
    }
    const std::uint32_t bytes = std::min(head.length, version.params_bytes());
    call.facts.payload_writable = process::copy_out(call.payload(), &d.params, bytes);
    return refused(call);
}

int ublk_core::get_dev_info(control_call& call) {
    if (call.payload_bytes() >= sizeof(uapi::ctrl_dev_info) && call.payload() != 0) {
        uapi::ctrl_dev_info info = call.device->info;
        const bool alive = std::ranges::any_of(home.processes(), [&](const auto& p) {
            return p->alive() && p->pid() == info.ublksrv_pid;
        });
        if (at_least(7, 0) && !alive) info.ublksrv_pid = -1;
        call.facts.payload_writable = process::copy_out(call.payload(), &info, sizeof info);
    }
    return refused(call);
}

int ublk_core::get_queue_affinity(control_call& call) {
    call.facts.queues = call.device->info.nr_hw_queues;
    if (const int code = refused(call)) return code;
    std::vector<std::byte> mask(call.payload_bytes());
    const std::uint64_t queues = call.device->info.nr_hw_queues;
    for (std::uint32_t cpu = 0; cpu < version.cpu_ids; ++cpu) {
        if (cpu % queues == call.header.data[0]) mask[cpu / 8] |= std::byte{1} << (cpu % 8);
    }
    call.facts.payload_writable = process::copy_out(call.payload(), mask.data(), mask.size());
    return refused(call);
}

int ublk_core::update_size(control_call& call) {
    ublk_device& d = *call.device;
    const held mutex(d);
    fill_device(call);
    if (const int code = refused(call)) return code;
    if (d.shown == nullptr) {
        home.accuse("UPDATE_SIZE of a device without a disk would crash this kernel");
        return -ENODEV;
    }
    d.params.basic.dev_sectors = call.header.data[0];
    blocks().resize(*d.shown, call.header.data[0]);
    log().add("device {} has {} sectors now", d.id, call.header.data[0]);
    probe(*d.shown, "udev");
    return 0;
}

int ublk_core::reg_buf(control_call& call) {
    ublk_device& d = *call.device;
    uapi::shmem_buf_reg buffer;
    if (d.has(uapi::f_shmem_zc)) {
        const std::size_t bytes = std::min<std::size_t>(call.payload_bytes(), sizeof buffer);
        const bool readable = process::copy_in(&buffer, call.payload(), bytes);
        call.facts.payload_readable = readable;
        if (readable) call.facts.buffer = &buffer;
    }
    if (const int code = refused(call)) return code;
    std::byte probe_byte{};
    call.facts.buffer_pinnable = process::copy_in(&probe_byte, buffer.addr, 1) &&
                                 process::copy_in(&probe_byte, buffer.addr + buffer.len - 1, 1);
    call.facts.buffer_index_left = d.shared.size() <= uapi::shmem_buf_index_max;
    const held mutex(d);
    if (d.shown != nullptr) blocks().freeze(*d.shown);
    call.facts.buffer_registered_already =
        std::ranges::any_of(d.shared, [&](const shared_memory& s) {
            return buffer.addr < s.address + s.bytes && s.address < buffer.addr + buffer.len;
        });
    int code = refused(call);
    if (code == 0) {
        int index = 0;  // the lowest free
        while (std::ranges::any_of(d.shared, [&](const auto& s) { return s.index == index; })) {
            index += 1;
        }
        d.shared.push_back({.index = index,
                            .address = buffer.addr,
                            .bytes = buffer.len,
                            .read_only = (buffer.flags & uapi::shmem_buf_read_only) != 0});
        code = index;
    }
    if (d.shown != nullptr) blocks().unfreeze(*d.shown);
    return code;
}

int ublk_core::unreg_buf(control_call& call) {
    ublk_device& d = *call.device;
    const int index = static_cast<int>(call.header.data[0]);
    const held mutex(d);
    if (const int code = refused(call)) return code;
    // It waits for requests under way before it looks for the index.
    if (d.shown != nullptr) blocks().freeze(*d.shown);
    const auto found = std::ranges::find(d.shared, index, &shared_memory::index);
    call.facts.buffer_index_known = found != d.shared.end();
    const int code = refused(call);
    if (code == 0) d.shared.erase(found);
    if (d.shown != nullptr) blocks().unfreeze(*d.shown);
    return code;
}

}  // namespace ashlar::twin
