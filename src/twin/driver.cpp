// SPDX-License-Identifier: MIT
#include "twin/driver.hpp"

#include "twin/ublk_core.hpp"

#include <fmt/format.h>

#include <utility>

namespace ashlar::twin {

struct driver::inside {
    explicit inside(kernel& k) : core(k) {}
    ublk_core core;
};

driver::driver(kernel& k) : inside_(std::make_unique<inside>(k)) {}
// Commands of workers that are stuck let go of their files.
driver::~driver() {
    for (open_file* f : inside_->core.held_files) inside_->core.home.put(*f);
}

std::optional<int> driver::control_command(uring_command& c) {
    return inside_->core.control_command(c);
}
std::optional<int> driver::io_command(uring_command& c) { return inside_->core.io_command(c); }
bool driver::cancel_control(uring_command& c) { return inside_->core.cancel_control(c); }
void driver::cancel_io(uring_command& c) { inside_->core.cancel_io(c); }
void driver::thread_ended(task who) { inside_->core.thread_ended(who); }
void driver::buffer_returned(block_request& r) { inside_->core.put_request(r); }

int driver::open_char(std::uint32_t id, process& who, open_file& f) {
    return inside_->core.open_char(id, who, f);
}
void driver::release_char(open_file& f) { inside_->core.release_char(f); }
int driver::map(open_file& f, process& who, std::uint64_t bytes, std::uint64_t offset,
                bool writable, bool shared, std::span<const std::byte>& at) {
    return inside_->core.map(f, who, bytes, offset, writable, shared, at);
}
void driver::unmap(process&, std::span<const std::byte> mapping) {
    descriptor_area::unmap(mapping);
}
std::int64_t driver::copy(open_file& f, std::uint64_t position, std::span<std::byte> memory,
                          bool to_server, task who, bool user_memory) {
    return inside_->core.copy(f, position, memory, to_server, who, user_memory);
}

bool driver::has_char(std::uint32_t id) const {
    const ublk_device* d = inside_->core.find(id);
    return d != nullptr && !d->deleted;
}
bool driver::has_block(std::uint32_t id) const {
    const ublk_device* d = inside_->core.find(id);
    return d != nullptr && d->shown != nullptr && !d->node_gone;
}
std::vector<std::uint32_t> driver::ids() const {
    std::vector<std::uint32_t> all;
    for (const auto& [id, device] : inside_->core.devices) all.push_back(id);
    return all;
}

void driver::queue_request(ublk_device& d, block_request& r) { inside_->core.queue_request(d, r); }
void driver::disk_closed(ublk_device& d) {
    if (d.shown == nullptr) inside_->core.drop_disk_reference(d);
}

std::string driver::describe(std::uint32_t id) const {
    const ublk_device* d = inside_->core.find(id);
    return d == nullptr ? "" : inside_->core.describe(*d);
}

std::string driver::leaks() const {
    std::string all;
    for (const auto& [id, device] : inside_->core.devices) {
        all += fmt::format("ublk device {} was not deleted: {}\n", id,
                           inside_->core.describe(*device));
    }
    return all;
}

void driver::power_off() {
    ublk_core& core = inside_->core;
    for (auto& [id, device] : core.devices) {
        device->freed = true;  // who lets its file go finds nothing to release
        core.cancel_device(*device);
        for (uring_command* c : std::exchange(device->lost, {})) ring::complete(*c, -ENODEV);
        for (ublk_queue& q : device->queues) core.reset_queue(q);
        device->shown = nullptr;
        device->descriptors.drop();
        core.graveyard.push_back(std::move(device));
    }
    core.devices.clear();
    core.unprivileged_devices = 0;
    core.globals.push_back(std::make_unique<kernel_mutex>(core.exec));
    core.blocks().power_off();
}

}  // namespace ashlar::twin
