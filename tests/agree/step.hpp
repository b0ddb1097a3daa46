// SPDX-License-Identifier: MIT
// A sequence of calls as data: the same one is driven into the twin and into a real kernel.
//
// Everything is named by what it is to the sequence: devices a, b, c; processes p0 to p3, each with
// threads t0 to t2, each of these with rings r0 to r3. So a sequence can be printed, compared and
// replayed anywhere.
#pragma once

#include "uapi/ublk.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace agree {

namespace uapi = ashlar::uapi;

inline constexpr unsigned processes_max = 4, threads_max = 3, rings_max = 4, devices_max = 3;
inline constexpr unsigned queues_max = 4, tags_max = 8;

inline constexpr std::uint16_t tag_delivered = 0xfffe;  // in an element: the one that came last

// Who the processes are. All can reach the nodes of root but p3.
inline constexpr std::uint8_t p_server = 0, p_other = 1;
inline constexpr std::uint8_t p_bare = 2;    // root's uid without any capability
inline constexpr std::uint8_t p_nobody = 3;  // uid and gid 1000, no capability

// What the rings are: opened when first used.
inline constexpr std::uint8_t r_narrow = 0, r_wide = 1;  // 64-byte and 128-byte entries
inline constexpr std::uint8_t r_second = 2;              // another narrow one
inline constexpr std::uint8_t r_polled = 3;              // IORING_SETUP_IOPOLL, 128-byte entries

enum class op : std::uint8_t {
    submit,   // one submission entry: a control, I/O or batch command, or something like it
    open,     // /dev/ublkcN, with `flags` of open(2)
    close,    // what `open` gave
    map,      // `length` bytes of the descriptor area at `position`, `flags` being the protection
    unmap,    // what `map` gave
    protect,  // mprotect of it, to `flags`
    pread,    // /dev/ublkcN: `length` bytes at `position`
    pwrite,
    disk_open,  // /dev/ublkbN, with `flags`
    disk_close,
    disk_read,  // direct; `length` bytes at `position`
    disk_write,
    disk_flush,
    disk_discard,
    disk_zero,
    table,       // a sparse table of `length` fixed buffers on the ring
    provide,     // `length` provided buffers of 256 bytes, group `group`, on the ring
    ring_close,  // with what waits on it
    thread_end,  // the thread, with its rings
    kill,        // SIGKILL for the process
    mode,        // chmod: `flags` for the node of `target`, `length` being its new owner
};

// What a pointer points to.
enum class place : std::uint8_t {
    none,     // 0
    bad,      // an address where nothing is mapped: 8
    payload,  // the call's own memory, holding `payload`
    edge,     // the same, but behind `payload` nothing can be read
    buffer,   // the memory of this queue and tag
    number,   // `number` itself
    area,     // `number` bytes into page-aligned memory of the process
};

enum class file : std::uint8_t { control, device, disk, null, regular, closed };
enum class gives : std::uint8_t { nothing, info, params, features, affinity };

// What KERNEL.md says comes of a step, on kernels from `since` on and before `until` (612: 6.12).
struct expectation {
    std::string rule;
    std::string outcome;  // the first word of it
    unsigned since = 0, until = 9999;
};

struct step {
    op what = op::submit;
    std::uint8_t process = 0, thread = 0, ring = r_narrow, dev = 0;
    file target = file::device;

    // The entry.
    std::uint8_t opcode = 46;
    std::uint8_t entry_flags = 0;
    std::uint16_t ioprio = 0;
    std::uint32_t command = 0, pad1 = 0, command_flags = 0;
    std::uint64_t entry_addr = 0;
    std::uint16_t group = 0;  // or the index of a fixed buffer
    std::uint16_t personality = 0;

    // A control command's header: a ctrl_cmd, but for what is symbolic.
    bool control = false;
    std::optional<std::uint32_t> dev_id = std::nullopt;  // the device's own
    std::uint16_t queue_id = uapi::queue_id_none, header_len = 0;
    place at = place::none;
    std::uint64_t number = 0;
    std::uint64_t data0 = 0;
    std::optional<std::uint8_t> pid_of = std::nullopt;  // data0 is the pid of this process
    std::optional<std::string> path = std::nullopt;     // goes before the payload
    std::optional<std::uint16_t> path_len = std::nullopt;
    std::vector<std::byte> payload = {};
    gives writes = gives::nothing;
    bool own_area = false;  // the payload's first word is an offset in the process's own area
    bool served = false;    // START: requests are answered by themselves until it is through

    // An I/O or batch command's header.
    std::uint16_t queue = 0, tag = 0;
    std::int32_t result = 0;
    bool batch = false;
    std::uint16_t batch_flags = 0, elements = 0;
    std::uint8_t element_bytes = 8;

    // Everything else.
    std::uint32_t flags = 0;
    std::uint64_t length = 0, position = 0;

    std::vector<expectation> expected = {};

    // For the tables of sequences: the step itself, with what is to come of it.
    step&& meets(std::string rule, std::string outcome, unsigned since = 0,
                 unsigned until = 9999) && {
        expected.push_back({std::move(rule), std::move(outcome), since, until});
        return std::move(*this);
    }
};

struct sequence {
    std::string id;
    std::vector<step> steps;
    unsigned since = 0, until = 9999;  // the kernels that it may be given to
    std::string wedges = {};           // why no real kernel gets it
};

// One line: who, what, with what; only what differs from the ordinary call.
std::string text_of(const step& s);

std::string errno_text(long result);  // "-EINVAL", "5"

}  // namespace agree
