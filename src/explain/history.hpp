// SPDX-License-Identifier: MIT
// What the earlier calls of a log tell of the driver's state: which devices there are, how they
// were made, which of their tags wait and which the server has in its hands, and whose they are.
#pragma once

#include "explain/evidence.hpp"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ashlar::explain {

// One submission entry of a log, with what stood below it.
struct ring_call {
    std::size_t line = 0;
    std::string thread;  // as the log names it; "" if it does not
    std::vector<std::uint8_t> entry;
    std::vector<std::vector<std::uint8_t>> payloads = {};

    [[nodiscard]] rules::subject about() const;
    [[nodiscard]] std::uint64_t user_data() const;
    [[nodiscard]] int fd() const;
    [[nodiscard]] std::vector<std::uint8_t> payload() const;  // the first; empty if there is none
};

class history {
public:
    // In the order of the log. A result below 0 takes back what the call seemed to do.
    void submitted(const ring_call& c);
    void completed(const ring_call& c, std::int64_t result);
    // What ADD_DEV or GET_DEV_INFO gave.
    void answered(std::span<const std::uint8_t> info);
    // The descriptor of what a completion has delivered.
    void delivered(const ring_call& c, std::span<const std::uint8_t> descriptor);
    void opened(int fd, const std::string& path, const std::string& thread);
    void closed(int fd);
    void mapped(int fd, const std::string& address);
    void unmapped(const std::string& address);
    void ended(const std::string& thread);  // a thread or a process

    // Adds what is known to the facts of such a call.
    void tell(evidence& seen, const ring_call& c) const;
    void tell_file(evidence& seen, const std::string& path) const;

private:
    struct slot {
        bool active = false, owned = false, wants_data = false;
        std::string owner = {};
        std::optional<uapi::io_desc> request = {};  // in the server's hands
    };
    using place = std::pair<std::uint16_t, std::uint16_t>;  // queue, tag
    struct device {
        uapi::ctrl_dev_info info = {};
        bool gone = false;
        bool unsure = false;  // a server died: nothing is known of what that changed
        bool made = false;    // by an ADD_DEV of this log: so everything of it was seen
        bool had_disk = false;
        std::optional<std::uint32_t> types = 0;  // of its parameters
        bool stopping = false, was_ready = false, blocked = false;
        int opens = 0;  // and mappings, which hold it, too
        std::string opener = {};
        std::map<place, slot> slots = {};
        std::map<std::uint16_t, std::string> daemons = {};  // who fetched last in a queue
    };

    std::map<std::uint32_t, device> devices_;
    bool made_last_ = false;  // the last command that was taken was an ADD_DEV
    std::map<int, std::string> files_;
    std::map<std::string, std::string> maps_;  // address, path
    std::map<std::string, bool> admins_;       // threads whose control commands were taken
    std::map<const ring_call*, std::pair<place, slot>> before_;

    void released(const std::string& path);
    const device* device_of_path(const std::string& path) const;
    const device* device_of(const ring_call& c) const;
    device* device_of(const ring_call& c) {
        return const_cast<device*>(std::as_const(*this).device_of(c));
    }
    bool all_fetched(const device& d) const;
    bool queue_fetched(const device& d, std::uint16_t queue) const;
    void fetched(device& d, place at, const std::string& who);
    void took_effect(const ring_call& c, device& d);
    void round_ends(device& d);
    void tell_device(evidence& seen, const device& d) const;
    void tell_slot(evidence& seen, const device& d, place at, const std::string& who) const;
};

}  // namespace ashlar::explain
