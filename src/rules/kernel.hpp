// SPDX-License-Identifier: MIT
// A kernel, as far as the contract of its ublk driver depends on it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ashlar::rules {

struct version {
    std::uint16_t major = 0, minor = 0, patch = 0;
    friend constexpr auto operator<=>(const version&, const version&) = default;
};

struct kernel {
    version release;
    // Its configuration.
    bool legacy_opcodes = true;  // CONFIG_BLKDEV_UBLK_LEGACY_OPCODES
    bool zoned = true;           // CONFIG_BLK_DEV_ZONED
    bool integrity = true;       // CONFIG_BLK_DEV_INTEGRITY
    bool modular = true;         // the driver is a module
    std::uint32_t page_bytes = 4096;
    std::uint32_t cpu_ids = 8;       // number of possible CPU ids
    std::uint32_t devices_max = 64;  // the driver's parameter ublks_max

    [[nodiscard]] constexpr bool at_least(std::uint16_t major, std::uint16_t minor,
                                          std::uint16_t patch = 0) const {
        return release >= version{major, minor, patch};
    }
    // The answer of GET_FEATURES (KERNEL.md 8); of a kernel before 6.5, which can't be asked, the
    // flags that it knows.
    [[nodiscard]] std::uint64_t features() const;
    // What SET_PARAMS takes: the bytes of the struct, and the types of its parts.
    [[nodiscard]] std::uint32_t params_bytes() const;
    [[nodiscard]] std::uint32_t param_types() const;
    // The number of io_uring's operations.
    [[nodiscard]] std::uint8_t opcodes() const;
    [[nodiscard]] std::string name()
        const;  // "6.12", with a patch level only where it is not the usual one
};

// The kernels that the twin can be: 6.1 (.192), 6.5, 6.8, 6.12 (.117), 6.18, 7.0, 7.3 (.4).
std::span<const kernel> personalities();
// One of them, by "6.12"; any other version from 6.0 on ("6.16.3") with a usual configuration.
std::optional<kernel> kernel_named(std::string_view name);

// Kernels for which a row is in force: from `since` on, or from a stable release of an older line
// on to which it was brought back; and no more from `until` on, or from such a release.
struct range {
    version since = {6, 0, 0};
    version until = {0xffff, 0, 0};
    std::span<const version> also_since = {};
    std::span<const version> also_until = {};

    [[nodiscard]] bool contains(version v) const;
    [[nodiscard]] std::string text() const;  // "6.13+", "up to 6.14", "6.15 to 6.16"
};

constexpr range since(std::uint16_t major, std::uint16_t minor, std::uint16_t patch = 0) {
    return {.since = {major, minor, patch}};
}
// The first kernel for which it is not so any more.
constexpr range until(std::uint16_t major, std::uint16_t minor, std::uint16_t patch = 0) {
    return {.until = {major, minor, patch}};
}
constexpr range between(version first, version end) { return {.since = first, .until = end}; }

}  // namespace ashlar::rules
