// SPDX-License-Identifier: MIT
#include "control/control.hpp"

#include "base/try.hpp"
#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace ashlar::control {

namespace {

std::string node_of(std::uint32_t id) { return fmt::format("/dev/ublkc{}", id); }

// Other commands name no node.
bool is_of_a_device(uapi::ctrl_op op) {
    return op != uapi::ctrl_op::add_dev && op != uapi::ctrl_op::get_features;
}

template <class T>
std::span<std::byte> bytes_of(T& value) {
    return std::as_writable_bytes(std::span(&value, 1));
}

}  // namespace

// One command: what goes into its header. `answered` payloads are copied back to the caller.
struct control::call {
    uapi::ctrl_op op;
    const device_ref& device;
    std::uint64_t data = 0;
    std::uint64_t limit_ns = usual_limit_ns;
};

result<std::unique_ptr<control>> control::open(os::machine& m, bool load_driver) {
    ASHLAR_TRY(auto way, channel::open(m, load_driver));
    return std::unique_ptr<control>(new control(m, std::move(way)));
}

control::control(os::machine& m, std::unique_ptr<channel> way)
    : machine_(m), channel_(std::move(way)), raw_(m.version().older_than(6, 4)) {}

control::~control() = default;

// What a command has before its payload: the node of a device without privileges, by whose
// permissions the kernel grants the command.
std::string control::path_for(const call& c) const {
    if (!is_of_a_device(c.op)) return {};
    if (!c.device.path.empty() || !unprivileged_.contains(c.device.id)) return c.device.path;
    return node_of(c.device.id);
}

// After an EINVAL, which is what such a device has for who does not name it: what it has for who
// does. 0 if the command is worth another try.
int control::learn_that_unprivileged(const call& c) {
    const bool named_none = is_of_a_device(c.op) && path_for(c).empty();
    if (!named_none || machine_.version().older_than(6, 3)) return -EINVAL;
    const device_ref named(c.device.id, node_of(c.device.id));
    uapi::ctrl_dev_info info;
    sent_command asked{.op = uapi::ctrl_op::get_dev_info2};
    const call question{.op = asked.op, .device = named, .limit_ns = 5 * second_ns};
    const int outcome = send(question, bytes_of(info), asked);
    if (outcome == -EACCES || outcome == -EPERM) return outcome;
    if (outcome < 0 || (info.flags & uapi::f_unprivileged_dev) == 0) return -EINVAL;
    unprivileged_.insert(c.device.id);
    return 0;
}

// The kernel's answer, or -errno. A path goes before the payload; its padding with zeros keeps the
// payload aligned and is cut by the kernel (rule P-10).
int control::send(const call& c, std::span<std::byte> payload, sent_command& sent) {
    const std::string path = path_for(c);
    const std::size_t path_bytes = path.empty() ? 0 : uapi::round_up_to(path.size() + 1, 8);
    buffer_.assign(path_bytes + payload.size(), std::byte{0});
    std::ranges::copy(std::as_bytes(std::span(path)), buffer_.begin());
    std::ranges::copy(payload, buffer_.begin() + static_cast<std::ptrdiff_t>(path_bytes));

    sent = {.op = c.op, .header = {.dev_id = c.device.id, .data = {c.data}}, .payload = payload};
    if (!buffer_.empty()) {
        sent.header.addr = reinterpret_cast<std::uintptr_t>(buffer_.data());
        sent.header.len = static_cast<std::uint16_t>(buffer_.size());
        sent.header.dev_path_len = static_cast<std::uint16_t>(path_bytes);
    }
    sent.number = raw_ ? uapi::raw(c.op) : uapi::encoded(c.op);
    int outcome = channel_->perform(sent.number, sent.header, buffer_, c.limit_ns);
    if (outcome == -EOPNOTSUPP && raw_) {
        // An old kernel that was given the new numbers, and perhaps only these.
        sent.number = uapi::encoded(c.op);
        outcome = channel_->perform(sent.number, sent.header, buffer_, c.limit_ns);
        raw_ = outcome == -EOPNOTSUPP;
        if (raw_) sent.number = uapi::raw(c.op);
    }
    // Its node is gone already: somebody else is deleting it.
    if (outcome == -ENOENT && !path.empty()) return -ENODEV;
    if (outcome >= 0) {
        std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(path_bytes), payload.size(),
                    payload.begin());
    }
    return outcome;
}

result<int> control::issue(const call& c, std::span<std::byte> payload) {
    sent_command sent{.op = c.op};
    int outcome = send(c, payload, sent);
    if (outcome == -EINVAL) {
        outcome = learn_that_unprivileged(c);
        if (outcome == 0) outcome = send(c, payload, sent);
    }
    if (outcome >= 0) return outcome;
    if (outcome == -EPIPE && machine_.helper() != nullptr) {
        return failure({.operation = std::string(uapi::name(c.op)),
                        .object = fmt::format("device {}", c.device.id),
                        .code = EPIPE,
                        .why = "the process that sends commands for this server has ended",
                        .remedy = "start a new server in its place: ashlar upgrade"});
    }
    return failure(explain(c.device, sent, -outcome));
}

// Asks what the device is now, which no command waits for.
error control::explain(const device_ref& device, sent_command sent, int code) {
    using enum uapi::ctrl_op;
    if (sent.op != add_dev && sent.op != get_features && sent.op != get_dev_info) {
        uapi::ctrl_dev_info now;
        sent_command asked{.op = get_dev_info};
        const call question{.op = get_dev_info, .device = device, .limit_ns = 5 * second_ns};
        if (send(question, bytes_of(now), asked) >= 0) sent.device = now;
    }
    if (stored_ && stored_id_ == device.id) sent.stored = stored_;
    return explain_command(sent, code, machine_);
}

result<int> control::plain(uapi::ctrl_op op, const device_ref& device, std::uint64_t data,
                           std::uint64_t limit_ns) {
    return issue({.op = op, .device = device, .data = data, .limit_ns = limit_ns}, {});
}

result<std::uint64_t> control::features() {
    if (features_known_) return features_;
    std::uint64_t known = 0;
    auto asked =
        issue({.op = uapi::ctrl_op::get_features, .device = device_ref(0)}, bytes_of(known));
    if (!asked) {
        if (asked.error().code == ETIMEDOUT || !machine_.version().older_than(6, 5)) {
            return failure(std::move(asked).error());
        }
        known = uapi::f_need_get_data | uapi::f_uring_cmd_comp_in_task;
        if (!machine_.version().older_than(6, 1)) {
            known |= uapi::f_user_recovery | uapi::f_user_recovery_reissue;
        }
        if (!machine_.version().older_than(6, 3)) known |= uapi::f_unprivileged_dev;
        if (!machine_.version().older_than(6, 4)) known |= uapi::f_cmd_ioctl_encode;
    }
    features_ = known;
    features_known_ = true;
    return known;
}

result<uapi::ctrl_dev_info> control::add(const uapi::ctrl_dev_info& wished) {
    uapi::ctrl_dev_info info = wished;
    ASHLAR_CHECK(
        issue({.op = uapi::ctrl_op::add_dev, .device = device_ref(wished.dev_id)}, bytes_of(info)));
    unprivileged_.erase(info.dev_id);
    if ((info.flags & uapi::f_unprivileged_dev) != 0) unprivileged_.insert(info.dev_id);
    return info;
}

result<> control::set_params(const device_ref& device, const uapi::params& params) {
    uapi::params sent = params;
    sent.len = sizeof sent;
    stored_.reset();
    ASHLAR_CHECK(issue({.op = uapi::ctrl_op::set_params, .device = device}, bytes_of(sent)));
    stored_ = sent;
    stored_id_ = device.id;
    return {};
}

result<uapi::params> control::get_params(const device_ref& device) {
    uapi::params params;
    params.len = sizeof params;
    ASHLAR_CHECK(issue({.op = uapi::ctrl_op::get_params, .device = device}, bytes_of(params)));
    return params;
}

result<> control::start(const device_ref& device, int pid, std::uint64_t limit_ns) {
    ASHLAR_CHECK(
        plain(uapi::ctrl_op::start_dev, device, static_cast<std::uint64_t>(pid), limit_ns));
    return {};
}

result<> control::stop(const device_ref& device, std::uint64_t limit_ns) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::stop_dev, device, 0, limit_ns));
    return {};
}

result<> control::try_stop(const device_ref& device, std::uint64_t limit_ns) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::try_stop_dev, device, 0, limit_ns));
    return {};
}

result<> control::remove(const device_ref& device, std::uint64_t limit_ns) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::del_dev, device, 0, limit_ns));
    unprivileged_.erase(device.id);
    return {};
}

result<> control::remove_async(const device_ref& device) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::del_dev_async, device));
    return {};
}

result<uapi::ctrl_dev_info> control::info(const device_ref& device) {
    uapi::ctrl_dev_info info;
    ASHLAR_CHECK(issue({.op = uapi::ctrl_op::get_dev_info, .device = device}, bytes_of(info)));
    return info;
}

result<uapi::ctrl_dev_info> control::info2(const device_ref& device) {
    uapi::ctrl_dev_info info;
    ASHLAR_CHECK(issue({.op = uapi::ctrl_op::get_dev_info2, .device = device}, bytes_of(info)));
    return info;
}

result<std::vector<unsigned>> control::queue_affinity(const device_ref& device, unsigned queue) {
    // Rules AFF-1 and AFF-2: room for all CPU ids, in whole longs.
    std::vector<unsigned long> mask(machine_.cpu_ids() / (8 * sizeof(unsigned long)) + 1);
    ASHLAR_CHECK(issue({.op = uapi::ctrl_op::get_queue_affinity, .device = device, .data = queue},
                       std::as_writable_bytes(std::span(mask))));
    std::vector<unsigned> cpus;
    constexpr unsigned bits = 8 * sizeof(unsigned long);
    for (unsigned cpu = 0; cpu < mask.size() * bits; ++cpu) {
        if ((mask[cpu / bits] >> (cpu % bits) & 1) != 0) cpus.push_back(cpu);
    }
    return cpus;
}

result<> control::start_recovery(const device_ref& device) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::start_user_recovery, device));
    return {};
}

result<> control::end_recovery(const device_ref& device, int pid, std::uint64_t limit_ns) {
    ASHLAR_CHECK(
        plain(uapi::ctrl_op::end_user_recovery, device, static_cast<std::uint64_t>(pid), limit_ns));
    return {};
}

result<> control::check_update_size(const device_ref& device, std::uint64_t sectors) {
    ASHLAR_TRY(const std::uint64_t known, features());
    ASHLAR_TRY(auto now, info(device));
    const bool live = now.state == static_cast<std::uint16_t>(uapi::device_state::live);
    const bool can = (known & uapi::f_update_size) != 0;
    if (live && can) return {};
    const sent_command unsent{.op = uapi::ctrl_op::update_size,
                              .number = raw_ ? uapi::raw(uapi::ctrl_op::update_size)
                                             : uapi::encoded(uapi::ctrl_op::update_size),
                              .header = {.dev_id = device.id, .data = {sectors}},
                              .device = now};
    return failure(explain_command(unsent, can ? ENODEV : EOPNOTSUPP, machine_));
}

result<> control::update_size(const device_ref& device, std::uint64_t sectors) {
    ASHLAR_CHECK(check_update_size(device, sectors));
    ASHLAR_CHECK(plain(uapi::ctrl_op::update_size, device, sectors));
    return {};
}

result<> control::quiesce(const device_ref& device, std::uint64_t wait_ms) {
    const std::uint64_t limit = usual_limit_ns + wait_ms * 1'000'000;
    ASHLAR_CHECK(plain(uapi::ctrl_op::quiesce_dev, device, wait_ms, limit));
    return {};
}

result<std::uint32_t> control::register_buffer(const device_ref& device,
                                               const uapi::shmem_buf_reg& buffer) {
    uapi::shmem_buf_reg sent = buffer;
    ASHLAR_TRY(int index, issue({.op = uapi::ctrl_op::reg_buf, .device = device}, bytes_of(sent)));
    return static_cast<std::uint32_t>(index);
}

result<> control::unregister_buffer(const device_ref& device, std::uint32_t index) {
    ASHLAR_CHECK(plain(uapi::ctrl_op::unreg_buf, device, index));
    return {};
}

}  // namespace ashlar::control
