// SPDX-License-Identifier: MIT
#include "explain/facts.hpp"

#include "uapi/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <limits>

namespace ashlar::explain {

namespace {

using rules::call;
using rules::fact;

// Values of each kind that may decide a condition.
bool sample(fact<bool>& f, int i) { return i < 2 && (f = i == 1, true); }
bool sample(fact<int>& f, int i) { return i < 2 && (f = i == 0 ? 0 : EACCES, true); }
bool sample(fact<uapi::device_state>& f, int i) {
    return i < 4 && (f = static_cast<uapi::device_state>(i), true);
}
bool sample(fact<uapi::op>& f, int i) { return i < 3 && (f = static_cast<uapi::op>(i), true); }
bool sample(fact<call::file_kind>& f, int i) {
    return i < 4 && (f = static_cast<call::file_kind>(i), true);
}
template <std::integral T>
bool sample(fact<T>& f, int i) {
    constexpr T values[] = {0, 1, 46, std::numeric_limits<T>::max()};
    return i < 4 && (f = values[i], true);
}

std::string text(bool v) { return v ? "yes" : "no"; }
std::string text(uapi::device_state s) { return uapi::to_string(s); }
std::string text(uapi::op o) { return uapi::to_string(o); }
std::string text(call::file_kind) { return {}; }
template <std::integral T>
std::string text(T v) {
    return v > 9 ? fmt::format("{} ({:#x})", v, v) : fmt::format("{}", v);
}

struct named_fact {
    std::string_view name;
    std::string_view look;
    bool (*known)(const call&);
    void (*forget)(call&);
    std::string (*value)(const call&);
    bool (*try_value)(call&, int);
};

template <auto Member>
constexpr named_fact named(std::string_view name, std::string_view look = {}) {
    return {name,
            look,
            [](const call& c) { return (c.*Member).known(); },
            [](call& c) { (c.*Member).forget(); },
            [](const call& c) { return text((c.*Member).value()); },
            [](call& c, int i) { return sample(c.*Member, i); }};
}

constexpr std::string_view info_look = "ask GET_DEV_INFO for the device's flags, queues and depth";
constexpr std::string_view fetch_look =
    "count the FETCH_REQ commands that were accepted against nr_hw_queues x queue_depth as ADD_DEV "
    "gave them back";
constexpr std::string_view slot_look =
    "trace which thread fetched the tag, and whether its request came and was not committed yet";

constexpr named_fact facts[] = {
    named<&call::opcode>("sqe->opcode", "look at byte 0 of the entry; it must be 46"),
    named<&call::entry_flags>("sqe->flags", "look at byte 1 of the entry"),
    named<&call::ioprio>("sqe->ioprio", "look at bytes 2 and 3 of the entry; they must be 0"),
    named<&call::command_number>("sqe->cmd_op", "look at bytes 8 to 11 of the entry"),
    named<&call::pad1>("sqe->__pad1", "look at bytes 12 to 15 of the entry; they must be 0"),
    named<&call::command_flags>("sqe->uring_cmd_flags",
                                "look at bytes 28 to 31 of the entry; they must be 0"),
    named<&call::entry_address>("sqe->addr", "look at bytes 16 to 23 of the entry"),
    named<&call::file>("sqe->fd", "ls -l /proc/PID/fd: is sqe->fd the right one of the two files?"),
    named<&call::wide_entry>("128-byte entry", "was the ring made with IORING_SETUP_SQE128?"),
    named<&call::polled_ring>("IORING_SETUP_IOPOLL", "was the ring made with IORING_SETUP_IOPOLL?"),
    named<&call::restricted>("restricted ring",
                             "was IORING_REGISTER_RESTRICTIONS called for the ring?"),
    named<&call::personality_known>("sqe->personality known",
                                    "look at bytes 42 and 43 of the entry"),
    named<&call::fields_of_other_opcode_clear>("fields that the other opcode wants clear"),
    named<&call::admin>("CAP_SYS_ADMIN", "grep CapEff /proc/PID/status: bit 21 is CAP_SYS_ADMIN"),
    named<&call::interrupted>("interrupted", "did a signal come, or was the command cancelled?"),
    named<&call::dev_id>("dev_id"),
    named<&call::queue_id>("queue_id", "look at queue_id in the header; it must be 0xffff"),
    named<&call::payload_length>("len", "look at len in the header (bytes 54 and 55 of the entry)"),
    named<&call::payload_address>("addr", "look at addr in the header (bytes 56 to 63)"),
    named<&call::length>("len", "look at len in the header (bytes 54 and 55 of the entry)"),
    named<&call::path_length>("dev_path_len", "look at dev_path_len in the header"),
    named<&call::data>("data[0]", "look at data[0] in the header (bytes 64 to 71 of the entry)"),
    named<&call::path_readable>("path readable"),
    named<&call::path_error>("error of the path", "open the path that was sent, by hand"),
    named<&call::path_is_device>("path is the device's", "ls -l the path that was sent"),
    named<&call::path_permitted>("node permitted", "ls -l /dev/ublkcN"),
    named<&call::payload_head_readable>("payload readable",
                                        "is addr in the header a pointer that is still valid?"),
    named<&call::payload_readable>("payload readable",
                                   "is addr in the header a pointer that is still valid?"),
    named<&call::payload_writable>("payload writable",
                                   "is addr in the header memory that may be written?"),
    named<&call::params_length>("params.len", "look at the first 4 bytes of the parameters"),
    named<&call::params_types>("params.types", "look at bytes 4 to 7 of the parameters"),
    named<&call::device_exists>("device exists", "ls /sys/class/ublk-char"),
    named<&call::id_taken>("id taken", "ls /sys/class/ublk-char"),
    named<&call::devices>("number of devices", "ls /sys/class/ublk-char | wc -l; "
                                               "cat /sys/module/ublk_drv/parameters/ublks_max"),
    named<&call::flags>("flags of the device", info_look),
    named<&call::state>("state of the device", "ask GET_DEV_INFO for the state"),
    named<&call::queues>("nr_hw_queues", info_look),
    named<&call::depth>("queue_depth", info_look),
    named<&call::stored_types>("parameters in force",
                               "did SET_PARAMS with the basic part succeed?"),
    named<&call::disk_present>("disk present", "ls /dev/ublkbN"),
    named<&call::disk_used>("disk present",
                            "ls /dev/ublkbN; is a former disk still open somewhere?"),
    named<&call::disk_open>("disk open", "fuser -v /dev/ublkbN; findmnt /dev/ublkbN"),
    named<&call::all_fetched>("all tags fetched", fetch_look),
    named<&call::queue_fetched>("all tags fetched", fetch_look),
    named<&call::any_queue_was_ready>("a queue was ready"),
    named<&call::stopping>("being stopped", "was the device stopped while ublkcN stayed open?"),
    named<&call::char_open>("ublkcN open", "fuser -v /dev/ublkcN"),
    named<&call::char_exists>("ublkcN exists", "ls -l /dev/ublkcN"),
    named<&call::pid_is_opener>("data[0] is the opener",
                                "compare data[0] with the process (not the thread) that opened "
                                "ublkcN"),
    named<&call::idle_tag_in_each_queue>("idle tag in each queue"),
    named<&call::id_free>("nothing holds the device",
                          "grep ublkcN /proc/*/maps; ls -l /proc/*/fd | grep ublkcN"),
    named<&call::limits_accepted>("limits accepted", "look at the kernel's log, and at GET_PARAMS"),
    named<&call::control_busy>("ADD_DEV or DEL_DEV under way",
                               "grep -l ublk_ctrl /proc/*/task/*/stack"),
    named<&call::in_hands>("requests in the server's hands", "cat /sys/block/ublkbN/inflight"),
    named<&call::timed_out>("timed out"),
    named<&call::lsm_error>("security module", "look at the audit log (ausearch -m avc)"),
    named<&call::add_disk_error>("error of add_disk", "look at the kernel's log"),
    named<&call::zones_error>("error of the zones", "did the server answer REPORT_ZONES?"),
    named<&call::node_error>("error of the node", "look at the kernel's log"),
    named<&call::mapped_by_other>("mapped by another process", "grep ublkcN /proc/*/maps"),
    named<&call::blocked_for_users>("blocked after TRY_STOP_DEV"),
    named<&call::owner_matches>("owner matches"),
    named<&call::cancelling>("cancelling", "is the device being stopped, or its server gone?"),
    named<&call::q_id>("q_id"),
    named<&call::tag>("tag"),
    named<&call::io_address>("io_cmd.addr", "look at addr in the ublksrv_io_cmd"),
    named<&call::slot_active>("fetched already", slot_look),
    named<&call::slot_owned>("request in the server's hands", slot_look),
    named<&call::slot_wants_data>("NEED_GET_DATA pending", "was the last result of the tag 1?"),
    named<&call::caller_owns_slot>("same thread", slot_look),
    named<&call::other_daemon>("another thread", slot_look),
    named<&call::request_op>("operation of the request", "look at the tag's descriptor"),
    named<&call::request_has_data>("request has data", "look at the tag's descriptor"),
    named<&call::request_bytes>("length of the request", "look at the tag's descriptor"),
    named<&call::index_in_table>("index in the table", "how large is the ring's table of buffers?"),
    named<&call::index_used>("place in use", "was the place registered and not given back?"),
    named<&call::index_is_user_buffer>("buffer of the process"),
    named<&call::elements_readable>("elements readable",
                                    "is sqe->addr a pointer that is still valid?"),
    named<&call::may_open>("permitted", "ls -l the node"),
    named<&call::opened_for_reading>("opened for reading", "look at the flags of open"),
    named<&call::opened_for_writing>("opened for writing", "look at the flags of open"),
    named<&call::map_writable>("PROT_WRITE", "look at prot of the mmap call (strace -e mmap)"),
    named<&call::position>("offset"),
    named<&call::bytes>("length"),
    named<&call::user_memory>("memory of the process"),
    named<&call::buffer_pinnable>("buffer can be pinned"),
    named<&call::buffer_registered_already>("registered already"),
};

}  // namespace

std::string offending_values(const rules::row& r, const rules::kernel& k, const call& c) {
    std::string out;
    for (const named_fact& f : facts) {
        if (!f.known(c)) continue;
        call without = c;
        f.forget(without);
        if (r.breaks(k, without).yes()) continue;
        const std::string value = f.value(c);
        if (value.empty()) continue;
        out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", f.name, value);
    }
    return out;
}

std::vector<std::string_view> where_to_look(const rules::row& r, const rules::kernel& k,
                                            const call& c) {
    std::vector<std::string_view> looks;
    for (const named_fact& f : facts) {
        if (f.known(c) || f.look.empty()) continue;
        bool decides = false;
        call with = c;
        for (int i = 0; !decides && f.try_value(with, i); ++i) {
            const rules::maybe now = r.breaks(k, with);
            decides = now.yes() || now.no();
        }
        if (!decides) continue;
        if (std::ranges::find(looks, f.look) == looks.end()) looks.push_back(f.look);
        if (looks.size() == 2) break;
    }
    return looks;
}

}  // namespace ashlar::explain
