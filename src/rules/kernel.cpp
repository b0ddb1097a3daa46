// SPDX-License-Identifier: MIT
#include "rules/kernel.hpp"

#include "uapi/features.hpp"
#include "uapi/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace ashlar::rules {

namespace {

constexpr version no_end = {0xffff, 0, 0};

// "6.12" or "6.12.117"; nothing else may follow.
std::optional<version> version_of(std::string_view text) {
    std::uint16_t numbers[3] = {};
    std::size_t n = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (n < 3) {
        const auto [stop, problem] = std::from_chars(at, end, numbers[n]);
        if (problem != std::errc{}) return std::nullopt;
        ++n;
        at = stop;
        if (at == end) break;
        if (*at++ != '.') return std::nullopt;
    }
    if (at != end || n < 2 || text.ends_with('.')) return std::nullopt;
    return version{numbers[0], numbers[1], numbers[2]};
}

constexpr kernel kernels[] = {
    {.release = {6, 1, 192}},  {.release = {6, 5, 0}},  {.release = {6, 8, 0}},
    {.release = {6, 12, 117}}, {.release = {6, 18, 0}}, {.release = {7, 0, 0}},
    {.release = {7, 3, 4}},
};

const kernel* personality_of_line(version v) {
    const auto* k = std::ranges::find_if(kernels, [&](const kernel& one) {
        return one.release.major == v.major && one.release.minor == v.minor;
    });
    return k == std::end(kernels) ? nullptr : k;
}

bool same_line(version a, version b) { return a.major == b.major && a.minor == b.minor; }

// Whether v has what came with `start`, or with a later release of an older line.
bool has_come(version v, version start, std::span<const version> brought_back) {
    return v >= start ||
           std::ranges::any_of(brought_back, [&](version b) { return same_line(v, b) && v >= b; });
}

std::string text_of(version v) {
    return v.patch == 0 ? fmt::format("{}.{}", v.major, v.minor)
                        : fmt::format("{}.{}.{}", v.major, v.minor, v.patch);
}

// The release before; of 7.0 it is 6.19.
std::string text_before(version v) {
    if (v.patch > 0) return text_of({v.major, v.minor, static_cast<std::uint16_t>(v.patch - 1)});
    if (v.minor > 0) return text_of({v.major, static_cast<std::uint16_t>(v.minor - 1)});
    return fmt::format("{}.19", v.major - 1);
}

}  // namespace

std::uint64_t kernel::features() const {
    std::uint64_t known = 0;
    for (const uapi::feature& f : uapi::features()) {
        if (f.bit == uapi::f_integrity && !integrity) continue;
        if (const auto v = version_of(f.since); v && release >= *v) known |= f.bit;
    }
    return known;
}

std::uint32_t kernel::params_bytes() const {
    if (at_least(7, 0)) return sizeof(uapi::params);
    if (at_least(6, 15)) return offsetof(uapi::params, integrity);
    if (at_least(6, 6)) return 112;  // up to the zoned part, and 4 bytes of padding
    return at_least(6, 3) ? 80 : 64;
}

std::uint32_t kernel::param_types() const {
    std::uint32_t types = uapi::param_type_basic | uapi::param_type_discard;
    if (at_least(6, 3)) types |= uapi::param_type_devt;
    if (at_least(6, 6)) types |= uapi::param_type_zoned;
    if (at_least(6, 15)) types |= uapi::param_type_dma_align | uapi::param_type_segment;
    if (at_least(7, 0)) types |= uapi::param_type_integrity;
    return types;
}

std::uint8_t kernel::opcodes() const {
    struct step {
        version since;
        std::uint8_t count;
    };
    constexpr step steps[] = {{{6, 19}, 65}, {{6, 16}, 63}, {{6, 15}, 62}, {{6, 11}, 58},
                              {{6, 9}, 56},  {{6, 8}, 55},  {{6, 7}, 54},  {{6, 1}, 49}};
    for (const step& s : steps) {
        if (release >= s.since) return s.count;
    }
    return 48;
}

std::string kernel::name() const {
    const kernel* usual = personality_of_line(release);
    const std::uint16_t patch = usual ? usual->release.patch : std::uint16_t{0};
    if (release.patch == patch) return fmt::format("{}.{}", release.major, release.minor);
    return fmt::format("{}.{}.{}", release.major, release.minor, release.patch);
}

std::span<const kernel> personalities() { return kernels; }

std::optional<kernel> kernel_named(std::string_view name) {
    const auto v = version_of(name);
    if (!v || *v < version{6, 0, 0}) return std::nullopt;
    const kernel* usual = personality_of_line(*v);
    if (usual && std::ranges::count(name, '.') == 1) return *usual;
    return kernel{.release = *v};
}

bool range::contains(version v) const {
    return has_come(v, since, also_since) && !has_come(v, until, also_until);
}

std::string range::text() const {
    std::string out = "all";
    const bool from_start = since == version{6, 0, 0};
    if (until == no_end && !from_start) out = text_of(since) + "+";
    else if (until != no_end && from_start) out = "up to " + text_before(until);
    else if (until != no_end && text_of(since) == text_before(until)) out = text_of(since);
    else if (until != no_end) out = fmt::format("{} to {}", text_of(since), text_before(until));
    for (version v : also_since) out += fmt::format(", {}", text_of(v));
    for (version v : also_until) out += fmt::format(", not {}", text_of(v));
    return out;
}

}  // namespace ashlar::rules
