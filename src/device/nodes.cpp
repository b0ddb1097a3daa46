// SPDX-License-Identifier: MIT
#include "device/nodes.hpp"

#include <ashlar/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>

namespace ashlar::device_room {

namespace {

constexpr std::uint64_t millisecond_ns = 1'000'000;
// A machine under emulation, busy with other things, takes seconds to make a node.
constexpr std::uint64_t node_limit_ns = 60'000 * millisecond_ns;
// Rules of other packages may be slow or stuck; a device is usable before they end.
constexpr std::uint64_t udev_limit_ns = 10'000 * millisecond_ns;

// Calls `done` until it says true; first often, then every ten milliseconds.
template <class F>
bool wait_until(os::machine& m, std::uint64_t limit_ns, F&& done) {
    const std::uint64_t start = m.now_ns();
    for (std::uint64_t pause = millisecond_ns / 10;;
         pause = std::min(pause * 2, 10 * millisecond_ns)) {
        if (done()) return true;
        if (m.now_ns() - start > limit_ns) return false;
        m.sleep_ns(pause);
    }
}

// True if the node's number is what sysfs says, where sysfs says anything.
bool is_devices_own(os::machine& m, const os::node& found, const std::string& sysfs) {
    auto text = m.read_text(sysfs);
    if (!text) return true;
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(text->c_str(), "%u:%u", &major, &minor) != 2) return true;
    return found.major == major && found.minor == minor;
}

error missing(const std::string& path) {
    return {.operation = "wait for the node",
            .object = path,
            .code = ETIMEDOUT,
            .why = "the kernel has made the device, but nobody made its node in /dev",
            .remedy = "see that /dev is a devtmpfs, or that udevd runs in this mount name space"};
}

}  // namespace

std::string char_path(std::uint32_t id) { return fmt::format("/dev/ublkc{}", id); }
std::string block_path(std::uint32_t id) { return fmt::format("/dev/ublkb{}", id); }
std::string disk_name(std::uint32_t id) { return fmt::format("ublkb{}", id); }

result<int> open_char_node(os::machine& m, std::uint32_t id) {
    const std::string path = char_path(id);
    const std::string sysfs = fmt::format("/sys/class/ublk-char/ublkc{}/dev", id);
    result<int> fd = failure(missing(path));
    wait_until(m, node_limit_ns, [&] {
        auto found = m.look_up(path);
        if (!found || found->what != os::node::kind::character) return false;
        if (!is_devices_own(m, *found, sysfs)) return false;
        fd = m.open(path, O_RDWR);
        if (fd) return true;
        const int code = fd.error().code;
        return code != EBUSY && code != ENOENT && code != ENXIO && code != EACCES;
    });
    if (!fd && fd.error().code == EBUSY) {
        fd.error().why = "another process has the new device open";
        fd.error().remedy = fmt::format("find it: fuser {}", path);
    }
    return fd;
}

result<> await_block_node(os::machine& m, std::uint32_t id, std::uint64_t since_ns) {
    const std::string path = block_path(id);
    const std::string sysfs = fmt::format("/sys/block/{}/dev", disk_name(id));
    os::node node;
    const bool there = wait_until(m, node_limit_ns, [&] {
        auto found = m.look_up(path);
        if (!found || found->what != os::node::kind::block) return false;
        node = *found;
        return is_devices_own(m, node, sysfs);
    });
    if (!there) return failure(missing(path));
    if (!wait_until(m, udev_limit_ns, [&] { return m.udev_has_handled(node, since_ns); })) {
        log(level::warning,
            fmt::format("{}: udev has not handled it yet; its links may be missing", path));
    }
    return {};
}

}  // namespace ashlar::device_room
