// SPDX-License-Identifier: MIT
#include "control/facts.hpp"

#include "rules/release.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ashlar::control {

namespace {

using rules::fact;

constexpr unsigned cap_sys_admin = 21;
constexpr const char* devices_directory = "/sys/class/ublk-char";

// The number behind a word in a text of the kernel's; nothing if it is not there.
fact<std::uint64_t> number_behind(std::string_view text, std::string_view word, int base) {
    const std::size_t at = text.find(word);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + word.size());
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number, base).ec != std::errc{}) {
        return {};
    }
    return number;
}

// The entry: all of it is as control makes it.
void fill_entry(rules::call& c, const sent_command& sent) {
    rules::fill_usual_entry(c, sent.number, rules::call::file_kind::control);
    c.wide_entry = true;
    c.interrupted = false;
}

void fill_header(rules::call& c, const sent_command& sent, const rules::kernel& k) {
    const uapi::ctrl_cmd& h = sent.header;
    c.dev_id = h.dev_id;
    c.queue_id = h.queue_id;
    c.length = h.len;
    c.address = h.addr;
    c.data = h.data[0];
    c.path_length = h.dev_path_len;
    c.path_readable = true;
    fill_payload(k, c);
    // It is memory of ours.
    c.payload_head_readable = c.payload_readable = c.payload_writable = true;
}

template <class T>
bool copy_payload(std::span<const std::byte> payload, T& to) {
    if (payload.size() < sizeof to) return false;
    std::memcpy(&to, payload.data(), sizeof to);
    return true;
}

void fill_payload_facts(rules::call& c, const sent_command& sent, payload_copy& copy) {
    switch (sent.op) {
        case uapi::ctrl_op::add_dev:
            if (copy_payload(sent.payload, copy.info)) c.info = &copy.info;
            break;
        case uapi::ctrl_op::set_params:
        case uapi::ctrl_op::get_params:
            if (!copy_payload(sent.payload, copy.params)) break;
            c.params_length = copy.params.len;
            c.params_types = copy.params.types;
            if (sent.op == uapi::ctrl_op::set_params) c.params = &copy.params;
            break;
        case uapi::ctrl_op::reg_buf:
            if (copy_payload(sent.payload, copy.buffer)) c.buffer = &copy.buffer;
            break;
        default: break;
    }
}

void fill_device(rules::call& c, const sent_command& sent) {
    if (sent.stored) {
        c.stored_types = sent.stored->types;
        c.stored_length = sent.stored->len;
    }
    if (!sent.device) return;
    const uapi::ctrl_dev_info& d = *sent.device;
    c.device_exists = true;
    c.flags = d.flags;
    const auto state = static_cast<uapi::device_state>(d.state);
    c.state = state;
    c.queues = d.nr_hw_queues;
    c.depth = d.queue_depth;
    c.max_io = d.max_io_buf_bytes;
    c.disk_present = state != uapi::device_state::dead;
    // A stopped device may still have users of its old disk.
    if (state != uapi::device_state::dead) c.disk_used = true;
    if (state == uapi::device_state::live) c.char_open = true;
}

void fill_machine(rules::call& c, const sent_command& sent, os::machine& m) {
    if (const auto admin = is_admin(m)) c.admin = *admin;
    std::uint32_t devices = 0;
    bool there = false;
    for (const std::string& name : m.list_directory(devices_directory)) {
        ++devices;
        there = there || name == fmt::format("ublkc{}", sent.header.dev_id);
    }
    c.devices = devices;
    // A device that is being deleted has left the list, and its id is taken still.
    if (there) {
        c.id_taken = true;
        c.device_exists = true;
    } else if (!sent.device && m.look_up(devices_directory)) {
        c.device_exists = false;
    }
}

}  // namespace

std::optional<bool> is_admin(os::machine& m) {
    // What this process has given up, its helper may have kept.
    if (const os::broker* helper = m.helper(); helper != nullptr) return helper->is_admin();
    const std::string status = m.read_text("/proc/self/status").value_or("");
    const auto capabilities = number_behind(status, "CapEff:", 16);
    if (!capabilities.known()) return {};
    // In a user name space of its own a process has capabilities that count for nothing here.
    const std::string ids = m.read_text("/proc/self/uid_map").value_or("");
    const bool initial = ids.empty() || ids.find("4294967295") != std::string::npos;
    return initial && (capabilities.value() >> cap_sys_admin & 1) != 0;
}

rules::kernel kernel_of(os::machine& m) {
    rules::kernel k = rules::kernel_of_release(m.version().text);
    k.page_bytes = static_cast<std::uint32_t>(m.page_bytes());
    k.cpu_ids = m.cpu_ids();
    const auto limit = number_behind(
        "=" + m.read_text("/sys/module/ublk_drv/parameters/ublks_max").value_or(""), "=", 10);
    if (limit.known()) k.devices_max = static_cast<std::uint32_t>(limit.value());
    return k;
}

rules::call facts_of(const sent_command& sent, const rules::kernel& k, payload_copy& copy,
                     os::machine& m) {
    rules::call c;
    fill_device(c, sent);
    fill_entry(c, sent);
    fill_header(c, sent, k);
    fill_payload_facts(c, sent, copy);
    fill_machine(c, sent, m);
    return c;
}

}  // namespace ashlar::control
