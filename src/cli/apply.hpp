// SPDX-License-Identifier: MIT
// Brings this machine's devices to what a file of devices says.
#pragma once

#include "cli/config.hpp"
#include "cli/inventory.hpp"

#include <ashlar/error.hpp>

#include <functional>
#include <string>
#include <vector>

namespace ashlar::cli {

struct apply_manner {
    bool dry_run = false;  // only say what would be done
    bool replace = false;  // remove and make anew what was asked for otherwise
    bool prune = false;    // remove what this file has asked for before and asks for no more
    bool add = true;       // make what is missing
};

// What was done to a device, or was to be done: its node if it has one, its name, and a word.
using apply_teller =
    std::function<void(const std::string& node, const std::string& name, std::string_view what)>;

// Goes on after a device with which it fails; gives all errors. May wait for the kernel: some
// seconds a device, a minute at most.
std::vector<error> apply(const std::string& path, const std::vector<configured_device>& devices,
                         const apply_manner& how, const apply_teller& tell);

// The devices that this file has asked for and that exist.
result<std::vector<device_entry>> devices_of(const std::string& path);
// Removes them but those in use.
std::vector<error> remove_all(const std::string& path);

// The file by its whole name, as records have it.
std::string whole_path(const std::string& path);

}  // namespace ashlar::cli
