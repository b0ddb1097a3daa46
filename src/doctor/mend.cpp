// SPDX-License-Identifier: MIT
#include "doctor/mend.hpp"

#include "base/try.hpp"
#include "control/control.hpp"
#include "device/busy.hpp"
#include "device/record.hpp"
#include "doctor/checks.hpp"

#include <fmt/format.h>

namespace ashlar::doctor {

namespace {

constexpr std::uint64_t delete_limit_ns = 10 * control::second_ns;

result<> load_driver(os::machine& m) {
    if (m.load_module("ublk_drv")) return {};
    return failure({.operation = "modprobe ublk_drv",
                    .why = "the driver could not be loaded",
                    .remedy = "see the kernel's log (dmesg)"});
}

// Looked at once more, as time has passed since it was shown.
result<> remove_leftover(const scene& s, os::machine& m, std::uint32_t id, std::uint64_t cookie) {
    const auto processes = ublk_processes(s.fs);
    const device_view now = look_at_device(s, processes, id);
    if (!is_leftover(now, processes) || now.info->ublksrv_flags != cookie) {
        return failure({.operation = "remove a leftover",
                        .object = fmt::format("device {}", id),
                        .why = "it is not dead any more, or somebody holds it",
                        .remedy = "see ashlar list"});
    }
    ASHLAR_TRY(auto c, control::control::open(m, false));
    ASHLAR_CHECK(device_room::delete_stopped(*c, id, delete_limit_ns));
    device_room::remove_record(m, id, cookie);
    return {};
}

}  // namespace

std::vector<mending> mendings(const scene& s, os::machine& m) {
    std::vector<mending> all;
    if (state_of_module(s) == module_state::present) {
        all.push_back({"load the driver: modprobe ublk_drv", [&m] { return load_driver(m); }});
    }
    const std::string directory = device_room::run_directory();
    if (!s.fs.exists(directory)) {
        all.push_back({"make the directory for run-time data: mkdir " + directory,
                       [&m] { return device_room::prepare_run_directory(m); }});
    }
    const auto processes = ublk_processes(s.fs);
    for (std::uint32_t id : device_ids(s.fs)) {
        const device_view d = look_at_device(s, processes, id);
        if (!is_leftover(d, processes)) continue;
        const std::uint64_t cookie = d.info->ublksrv_flags;
        all.push_back({fmt::format("remove device {}, whose server (pid {}) is gone: ashlar del {}",
                                   id, d.server, id),
                       [&s, &m, id, cookie] { return remove_leftover(s, m, id, cookie); }});
    }
    return all;
}

}  // namespace ashlar::doctor
