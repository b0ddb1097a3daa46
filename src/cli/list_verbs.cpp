// SPDX-License-Identifier: MIT
// list, show, features and udev-info: what can be seen.
#include "base/try.hpp"
#include "cli/inventory.hpp"
#include "cli/recipe.hpp"
#include "cli/twin_verbs.hpp"
#include "cli/verbs.hpp"
#include "device/busy.hpp"
#include "device/nodes.hpp"
#include "device/status.hpp"
#include "rules/kernel.hpp"
#include "uapi/print.hpp"

#include <ashlar/size.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>

namespace ashlar::cli {

namespace {

using json = nlohmann::ordered_json;

result<std::unique_ptr<control::control>> open_control() {
    return control::control::open(os::linux_machine(), false);
}

// As --recovery has it.
std::string_view recovery_word(const uapi::ctrl_dev_info& info) {
    if ((info.flags & uapi::f_user_recovery) == 0) return "fail";
    if ((info.flags & uapi::f_user_recovery_reissue) != 0) return "reissue";
    return (info.flags & uapi::f_user_recovery_fail_io) != 0 ? "fail-away" : "wait";
}

// Of a supervised device whose keeper lives; else 0.
int keeper_of(const device_entry& e) {
    if (!e.record || e.record->recipe.empty()) return 0;
    const auto how = recipe_of(*e.record);
    return how && has_keeper(*how) ? how->keeper : 0;
}

json entry_json(const device_entry& e) {
    json j = {{"id", e.info.dev_id},
              {"node", device_room::block_path(e.info.dev_id)},
              {"state", e.state},
              {"size", nullptr},
              {"name", nullptr},
              {"target", nullptr},
              {"lane", nullptr},
              {"created", nullptr},
              {"pid", nullptr},
              {"queues", e.info.nr_hw_queues},
              {"depth", e.info.queue_depth},
              {"max_io", e.info.max_io_buf_bytes},
              {"flags", uapi::flags_text(e.info.flags)},
              {"recovery", recovery_word(e.info)},
              {"keeper", nullptr}};
    if (const int keeper = keeper_of(e); keeper != 0) j["keeper"] = keeper;
    if (e.size != 0) j["size"] = e.size;
    if (e.info.ublksrv_pid > 0) j["pid"] = e.info.ublksrv_pid;
    if (e.record) {
        if (!e.record->name.empty()) j["name"] = e.record->name;
        j["target"] = e.record->kind;
        j["lane"] = e.record->lane;
        j["created"] = e.record->created;
    }
    return j;
}

void print_table(const std::vector<device_entry>& entries) {
    std::vector<std::array<std::string, 7>> rows;
    rows.push_back({"NODE", "STATE", "SIZE", "TARGET", "QUEUES", "PID", "NAME"});
    for (const device_entry& e : entries) {
        rows.push_back({device_room::block_path(e.info.dev_id), e.state,
                        e.size == 0 ? "-" : format_size(e.size), e.record ? e.record->kind : "-",
                        fmt::format("{}x{}", e.info.nr_hw_queues, e.info.queue_depth),
                        e.info.ublksrv_pid > 0 ? std::to_string(e.info.ublksrv_pid) : "-",
                        e.record && !e.record->name.empty() ? e.record->name : "-"});
    }
    std::array<std::size_t, 7> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            line += fmt::format("{:<{}}  ", row[i], widths[i]);
        }
        fmt::print("{}{}\n", line, row.back());
    }
}

// The server's own word, or null where there is none to be had.
json status_of(std::uint32_t id) {
    auto status = device_room::ask_status(id);
    if (!status) return nullptr;
    json parsed = json::parse(*status, nullptr, false);
    return parsed.is_discarded() ? json(nullptr) : parsed;
}

std::string time_text(std::int64_t seconds) {
    std::time_t t = seconds;
    std::tm local{};
    ::localtime_r(&t, &local);
    char text[64];
    std::strftime(text, sizeof text, "%F %T", &local);
    return text;
}

void print_counters(const json& status) {
    const char* shown[] = {"requests", "reads",         "writes",        "flushes",
                           "discards", "write_zeroes",  "failed",        "turns",
                           "enters",   "largest_batch", "frames_on_heap"};
    fmt::print("lane:       {} ({})\n", status.value("lane", "?"), status.value("lane_why", "?"));
    fmt::print("delivery:   {} ({})\n", status.value("delivery", "?"),
               status.value("delivery_why", "?"));
    const auto confined = status.value("confined", std::vector<std::string>());
    fmt::print("confined:   {}\n",
               confined.empty() ? "no" : fmt::format("{}", fmt::join(confined, "; ")));
    std::size_t index = 0;
    for (const json& queue : status["queues"]) {
        fmt::print("queue {}:   ", index++);
        for (const char* key : shown) fmt::print(" {} {}", queue.value(key, std::uint64_t{0}), key);
        fmt::print("\n            {} read, {} written\n",
                   uapi::bytes_text(queue.value("bytes_read", std::uint64_t{0})),
                   uapi::bytes_text(queue.value("bytes_written", std::uint64_t{0})));
    }
}

struct feature_answer {
    std::string kernel;
    std::uint64_t flags;
};

// Of this machine, or of a kernel in memory.
result<feature_answer> features_asked(const command& c) {
    if (c.values.has("kernel")) {
        ASHLAR_TRY(auto version, twin_kernel(c.values.text("kernel")));
        return feature_answer{version, rules::kernel_named(version)->features()};
    }
    ASHLAR_TRY(auto control, open_control());
    ASHLAR_TRY(auto flags, control->features());
    return feature_answer{os::linux_machine().version().text, flags};
}

}  // namespace

int run_list(const command& c) {
    os::machine& m = os::linux_machine();
    std::vector<device_entry> entries;
    const auto ids = device_ids(m);
    // No driver, no devices: that is an answer and not a failure.
    if (!ids.empty()) {
        auto control = open_control();
        if (!control) return report(c, control.error());
        for (std::uint32_t id : ids) {
            auto entry = look_at(**control, m, id);
            if (!entry && entry.error().code == ENODEV) continue;  // removed meanwhile
            if (!entry) return report(c, entry.error());
            entries.push_back(std::move(*entry));
        }
    }
    if (c.values.has("json")) {
        json list = {{"devices", json::array()}};
        for (const device_entry& e : entries) list["devices"].push_back(entry_json(e));
        fmt::print("{}\n", list.dump(2));
    } else if (!entries.empty()) {
        print_table(entries);
    }
    return 0;
}

int run_show(const command& c) {
    os::machine& m = os::linux_machine();
    auto control = open_control();
    if (!control) return report(c, control.error());
    auto id = find_device(**control, m, c.words[0]);
    if (!id) return report(c, id.error());
    auto entry = look_at(**control, m, *id);
    if (!entry) return report(c, entry.error());
    const json status = entry->record && entry->state == "live" ? status_of(*id) : json(nullptr);
    const auto holders = m.holders_of(device_room::disk_name(*id));

    if (c.values.has("json")) {
        json j = entry_json(*entry);
        j["log"] = device_room::log_path(*id);
        j["server"] = status;
        j["holders"] = json::array();
        for (const os::holder& h : holders) {
            j["holders"].push_back({{"pid", h.pid == 0 ? json(nullptr) : json(h.pid)},
                                    {"program", h.pid == 0 ? json(nullptr) : json(h.program)},
                                    {"how", h.how}});
        }
        fmt::print("{}\n", j.dump(2));
        return 0;
    }
    fmt::print("node:       {}\nstate:      {}\n", device_room::block_path(*id), entry->state);
    if (entry->size != 0) fmt::print("size:       {}\n", uapi::bytes_text(entry->size));
    if (entry->record) {
        fmt::print("target:     {}\n", entry->record->kind);
        if (!entry->record->name.empty()) fmt::print("name:       {}\n", entry->record->name);
        fmt::print("created:    {}\n", time_text(entry->record->created));
        fmt::print("log:        {}\n", device_room::log_path(*id));
        fmt::print("recovery:   {}\n", recovery_word(entry->info));
        if (const int keeper = keeper_of(*entry); keeper != 0) {
            fmt::print("keeper:     process {}\n", keeper);
        }
    }
    fmt::print("kernel:\n  {}\n", uapi::to_string(entry->info));
    if (!status.is_null()) print_counters(status);
    for (const os::holder& h : holders) {
        fmt::print("in use:     {}\n", device_room::describe(h));
    }
    return 0;
}

int run_features(const command& c) {
    auto asked = features_asked(c);
    if (!asked) return report(c, asked.error());
    const auto& [kernel, flags] = *asked;
    if (c.values.has("json")) {
        json j = {{"kernel", kernel}, {"flags", flags}, {"features", json::array()}};
        for (const uapi::feature& f : uapi::features()) {
            j["features"].push_back({{"name", f.name},
                                     {"bit", std::countr_zero(f.bit)},
                                     {"here", (flags & f.bit) != 0},
                                     {"since", f.since},
                                     {"gives", f.gives}});
        }
        j["unknown_bits"] = flags & ~uapi::all_known_flags;
        fmt::print("{}\n", j.dump(2));
        return 0;
    }
    fmt::print("ublk features of Linux {} ({:#x}):\n", kernel, flags);
    for (const uapi::feature& f : uapi::features()) {
        fmt::print(" {:<4}{:<24}{:<6}{}\n", (flags & f.bit) != 0 ? "yes" : "no", f.name, f.since,
                   f.gives);
    }
    if (const auto rest = flags & ~uapi::all_known_flags; rest != 0) {
        fmt::print(" yes {} (newer than this ashlar)\n", uapi::flags_text(rest));
    }
    return 0;
}

// For IMPORT{program} of a udev rule: KEY=VALUE lines. A disk that ashlar does not know has none.
int run_udev_info(const command& c) {
    os::machine& m = os::linux_machine();
    auto control = open_control();
    if (!control) return 1;
    auto id = find_device(**control, m, c.words[0]);
    if (!id) return 1;
    auto entry = look_at(**control, m, *id);
    if (!entry) return 1;
    const uapi::ctrl_dev_info& info = entry->info;
    const bool owned = (info.flags & uapi::f_unprivileged_dev) != 0;
    if (owned) {
        fmt::print("ASHLAR_UID={}\nASHLAR_GID={}\n", info.owner_uid, info.owner_gid);
    }
    if (!entry->record) return owned ? 0 : 1;
    fmt::print("ASHLAR_ID={}\nASHLAR_TARGET={}\n", *id, entry->record->kind);
    if (!entry->record->name.empty()) fmt::print("ASHLAR_NAME={}\n", entry->record->name);
    return 0;
}

}  // namespace ashlar::cli
