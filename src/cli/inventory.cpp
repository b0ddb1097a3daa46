// SPDX-License-Identifier: MIT
#include "cli/inventory.hpp"

#include "base/try.hpp"
#include "device/nodes.hpp"
#include "doctor/processes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace ashlar::cli {

namespace {

constexpr std::string_view char_prefix = "ublkc";

std::optional<std::uint32_t> whole_number(std::string_view text) {
    std::uint32_t number = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

bool is_alive(int pid) { return doctor::is_alive(doctor::files(), pid); }

std::string state_of(const uapi::ctrl_dev_info& info,
                     const std::optional<device_room::record>& record) {
    switch (static_cast<uapi::device_state>(info.state)) {
        case uapi::device_state::live: return "live";
        case uapi::device_state::quiesced: return "quiesced";
        case uapi::device_state::fail_io: return "fail-io";
        case uapi::device_state::dead: break;
    }
    // The kernel has one word for "not started yet" and "its server is gone".
    return record && is_alive(record->pid) ? "starting" : "dead";
}

std::vector<std::uint32_t> device_ids(os::machine& m) {
    std::vector<std::uint32_t> ids;
    for (const std::string& name : m.list_directory("/sys/class/ublk-char")) {
        if (!name.starts_with(char_prefix)) continue;
        if (auto id = whole_number(std::string_view(name).substr(char_prefix.size()))) {
            ids.push_back(*id);
        }
    }
    std::ranges::sort(ids);
    return ids;
}

result<device_entry> look_at(control::control& c, os::machine& m, std::uint32_t id) {
    device_entry entry;
    auto info = c.info(id);
    if (!info) return failure(std::move(info).error());
    entry.info = *info;
    entry.record = device_room::read_record(m, id, info->ublksrv_flags);
    entry.state = state_of(entry.info, entry.record);
    auto sectors = m.read_text(fmt::format("/sys/block/{}/size", device_room::disk_name(id)));
    if (sectors) {
        if (auto blank = sectors->find('\n'); blank != std::string::npos) sectors->resize(blank);
        std::from_chars(sectors->data(), sectors->data() + sectors->size(), entry.size);
        entry.size *= uapi::sector_bytes;
    }
    return entry;
}

std::string_view name_in(std::string_view path) {
    for (std::string_view prefix : {"/dev/disk/by-id/ashlar-", "/dev/ashlar/", "/dev/"}) {
        if (path.starts_with(prefix)) return path.substr(prefix.size());
    }
    return path;
}

result<std::uint32_t> find_device(control::control& c, os::machine& m, const std::string& word) {
    const std::string_view name = name_in(word);
    for (std::string_view prefix : {"ublkb", "ublkc", ""}) {
        if (!name.starts_with(prefix)) continue;
        if (auto id = whole_number(name.substr(prefix.size()))) return *id;
    }
    for (std::uint32_t id : device_ids(m)) {
        auto entry = look_at(c, m, id);
        if (entry && entry->record && entry->record->name == name) return id;
    }
    return failure(
        {.operation = "find the device",
         .object = fmt::format("'{}'", word),
         .code = ENODEV,
         .why = "no ublk device has this name",
         .remedy = "see ashlar list; a device is named by its number, its node or its name"});
}

}  // namespace ashlar::cli
