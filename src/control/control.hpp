// SPDX-License-Identifier: MIT
// The control plane: every command to /dev/ublk-control, with typed arguments and results.
//
// Each call blocks until the kernel has answered, or until its deadline: then the command is taken
// back and the error is ETIMEDOUT. Failures carry the operation, the errno and the device. Numbers
// of commands are encoded; a kernel older than 6.4 gets the raw ones. One thread at a time.
#pragma once

#include "control/channel.hpp"
#include "control/reasons.hpp"
#include "uapi/ublk.hpp"

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace ashlar::control {

inline constexpr std::uint64_t second_ns = 1'000'000'000;
// Under emulation and on a busy machine commands take seconds; a healthy one never takes a minute.
inline constexpr std::uint64_t usual_limit_ns = 60 * second_ns;

// A device. The path of its ublkcN goes with GET_DEV_INFO2, and with the commands on a device
// without privileges, which the kernel grants by that node's permissions: there it is found out and
// named where it is left away.
struct device_ref {
    std::uint32_t id;
    std::string path = {};
    device_ref(std::uint32_t device_id) : id(device_id) {}  // NOLINT: an id names a device
    device_ref(std::uint32_t device_id, std::string node) : id(device_id), path(std::move(node)) {}
};

class control {
public:
    // Opens the control node; if the driver is not there, tries to load it when asked to.
    static result<std::unique_ptr<control>> open(os::machine& m, bool load_driver);
    ~control();
    control(const control&) = delete;
    control& operator=(const control&) = delete;

    // The flags that this kernel knows. Kernels before 6.5 can't tell; theirs are the flags of 6.0
    // to 6.4 by version. Asked once.
    result<std::uint64_t> features();
    [[nodiscard]] bool uses_raw_commands() const { return raw_; }

    // The device as the kernel made it: its id, its flags and its number of queues may differ from
    // what was wished.
    result<uapi::ctrl_dev_info> add(const uapi::ctrl_dev_info& wished);
    result<> set_params(const device_ref& device, const uapi::params& params);
    result<uapi::params> get_params(const device_ref& device);
    // `pid` is the process that has ublkcN open; returns when all tags are fetched.
    result<> start(const device_ref& device, int pid, std::uint64_t limit_ns = usual_limit_ns);
    result<> stop(const device_ref& device, std::uint64_t limit_ns = usual_limit_ns);
    // EBUSY if the disk is open anywhere. Linux 7.0, feature SAFE_STOP_DEV.
    result<> try_stop(const device_ref& device, std::uint64_t limit_ns = usual_limit_ns);
    // Waits until the id is free: whoever holds ublkcN or a mapping of it must let go first.
    result<> remove(const device_ref& device, std::uint64_t limit_ns = usual_limit_ns);
    result<> remove_async(const device_ref& device);  // Linux 6.9; not for unprivileged devices
    result<uapi::ctrl_dev_info> info(const device_ref& device);
    result<uapi::ctrl_dev_info> info2(const device_ref& device);  // needs the path. Linux 6.3
    // The CPUs of a queue, in rising order.
    result<std::vector<unsigned>> queue_affinity(const device_ref& device, unsigned queue);
    result<> start_recovery(const device_ref& device);
    result<> end_recovery(const device_ref& device, int pid,
                          std::uint64_t limit_ns = usual_limit_ns);
    // In 512-byte sectors. Linux 6.16. Checks first that the device is live: kernels before 7.0
    // crash otherwise.
    result<> update_size(const device_ref& device, std::uint64_t sectors);
    // What would be refused, without sending it.
    result<> check_update_size(const device_ref& device, std::uint64_t sectors);
    // Linux 6.16. The kernel waits `wait_ms` for an idle tag in each queue; 0 is without limit.
    result<> quiesce(const device_ref& device, std::uint64_t wait_ms);
    // The index of the registered buffer. Linux 7.1.
    result<std::uint32_t> register_buffer(const device_ref& device,
                                          const uapi::shmem_buf_reg& buffer);
    result<> unregister_buffer(const device_ref& device, std::uint32_t index);

private:
    struct call;
    control(os::machine& m, std::unique_ptr<channel> way);
    [[nodiscard]] std::string path_for(const call& c) const;
    int learn_that_unprivileged(const call& c);
    int send(const call& c, std::span<std::byte> payload, sent_command& sent);
    result<int> issue(const call& c, std::span<std::byte> payload);
    error explain(const device_ref& device, sent_command sent, int code);
    result<int> plain(uapi::ctrl_op op, const device_ref& device, std::uint64_t data = 0,
                      std::uint64_t limit_ns = usual_limit_ns);

    os::machine& machine_;
    std::unique_ptr<channel> channel_;
    std::vector<std::byte> buffer_;         // what a command points to
    std::set<std::uint32_t> unprivileged_;  // as far as is known
    std::optional<uapi::params> stored_;    // what SET_PARAMS gave last, and to whom
    std::uint32_t stored_id_ = 0;
    std::uint64_t features_ = 0;
    bool features_known_ = false;
    // A kernel before 6.4 answers an encoded ADD_DEV by ENODEV, and not as an unknown command: it
    // is not asked by trying.
    bool raw_;
};

}  // namespace ashlar::control
