// SPDX-License-Identifier: MIT
// What is known of a device beyond what the kernel knows: its name, its target, its server. One
// file a device in /run/ashlar (or $ASHLAR_RUN_DIR), readable by anyone.
//
// A record is put in place whole, by a rename, and has a checksum: half of one is not believed,
// where a crash left the rename without the text. Nor is one whose cookie is not that which the
// kernel keeps for the device (ublksrv_flags): it is of an earlier device of the same id.
#pragma once

#include "control/control.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ashlar::device_room {

struct record {
    std::uint32_t id = 0;
    std::uint64_t cookie = 0;
    int pid = 0;
    std::string name = {};
    std::string kind = {};
    std::string lane = {};
    std::uint64_t size = 0;
    std::int64_t created = 0;  // seconds of the epoch
    std::string recipe = {};   // options::recipe
    bool operator==(const record&) const = default;
};

std::string run_directory();
std::string record_path(std::uint32_t id);
std::string socket_path(std::uint32_t id);
std::string log_path(std::uint32_t id);
std::string lock_path();  // of the directory

// Makes the directory if it is missing.
result<> prepare_run_directory(os::machine& m);
// Held while a device is being made, so that two programs can't take the same name.
result<std::unique_ptr<os::path_lock>> lock_run_directory(os::machine& m);
result<> write_record(os::machine& m, const record& r);
// Nothing for a record that is missing, damaged, or of another device.
std::optional<record> read_record(os::machine& m, std::uint32_t id, std::uint64_t cookie);
// Every record that can be read, believed or not: for finding names in use.
std::vector<record> all_records(os::machine& m);
// The record and what lies beside it, unless they are of a newer device of the same id.
void remove_record(os::machine& m, std::uint32_t id, std::uint64_t cookie);

// Refuses a name that a device which still exists has. An empty name is always free.
result<> check_name_is_free(os::machine& m, control::control& c, const std::string& name);

}  // namespace ashlar::device_room
