// SPDX-License-Identifier: MIT
// The inside of the driver: a device, its queues, and the slots of their tags.
#pragma once

#include "rules/call.hpp"
#include "twin/block.hpp"
#include "twin/executor.hpp"
#include "twin/uring.hpp"
#include "uapi/ublk.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ashlar::twin {

class ublk_core;
struct ublk_queue;

// The place of one tag. `active`: a command waits here; `owned`: the server has the request.
struct slot {
    ublk_queue* home = nullptr;
    std::uint16_t tag = 0;
    bool active = false, owned = false;
    bool wants_data = false;  // owned, and the server was told to send a buffer
    bool cancelled = false;   // its command was taken away in this round
    bool delivering = false;  // a request is on its way to the server's thread
    bool auto_registered = false;
    bool fallback = false;     // of a batch element: what its header said
    task owner = 0;            // the thread that fetched it
    std::uint32_t serial = 0;  // of deliveries: an event of an older one is void
    uring_command* command = nullptr;
    block_request* request = nullptr;
    std::uint64_t address = 0;  // of the buffer
    std::uint64_t word = 0;     // of automatic registration
    const ring* registered_in = nullptr;
    std::uint16_t registered_at = 0;
    // What of the buffer is known to be used, and whether it now bears the kernel's pattern.
    std::uint64_t used_address = 0;
    std::uint32_t used_bytes = 0;
    bool scribbled = false;
};

struct ublk_queue {
    ublk_device* home = nullptr;
    std::uint16_t id = 0;
    std::vector<slot> slots = {};
    unsigned fetched = 0;  // slots, in this round
    task daemon = 0;       // up to 6.14: the thread whose FETCH completed the queue
    bool daemon_ended = false;
    bool cancelling = false;  // new requests are put back, or fail
    bool force_abort = false, fail_io = false;
    // What does not change from call to call is filled in once.
    rules::call facts = {};
    // BATCH_IO: tags that wait for a fetch command, the commands, and the one that delivers.
    std::vector<std::uint16_t> arrived = {};
    std::vector<uring_command*> fetches = {};
    uring_command* fetching = nullptr;
    std::uint64_t fetch_serial = 0;
    std::vector<std::uint16_t> handed = {};

    [[nodiscard]] bool all_fetched() const { return fetched == slots.size(); }
};

// The memory of descriptors: the twin writes by one mapping, servers read by others.
class descriptor_area {
public:
    descriptor_area() = default;
    descriptor_area(const descriptor_area&) = delete;
    descriptor_area& operator=(const descriptor_area&) = delete;
    ~descriptor_area() { drop(); }

    bool make(std::uint16_t queues, std::uint16_t depth, std::uint16_t descriptor_bytes,
              std::uint64_t page);
    void drop();
    [[nodiscard]] uapi::io_desc& at(std::uint16_t queue, std::uint16_t tag);
    // Another mapping of one queue's part, which can't be written. Empty if there is no memory.
    [[nodiscard]] std::span<const std::byte> map(std::uint16_t queue) const;
    static void unmap(std::span<const std::byte> mapping);

private:
    std::byte* base_ = nullptr;
    std::size_t queue_bytes_ = 0, bytes_ = 0;
    std::uint16_t descriptor_bytes_ = 0;
    int memory_ = -1;
};

// Memory that users of the disk share with the server (REG_BUF).
struct shared_memory {
    int index = 0;
    std::uint64_t address = 0, bytes = 0;
    bool read_only = false;
};

struct ublk_device {
    ublk_device(ublk_core& c, executor& e) : core(c), mutex(e) {}

    ublk_core& core;
    std::uint32_t id = 0;
    uapi::ctrl_dev_info info = {};
    uapi::params params = {};
    kernel_mutex mutex;
    wait_queue changed = {.what = "a ublk device"};
    disk* shown = nullptr;   // ublkbN
    bool node_gone = false;  // its node, while the disk is being stopped (up to 6.14)
    // Bits, as the driver has them: a disk exists or has users; ublkcN is open or its release has
    // not ended; a STOP came while it was open; DEL_DEV was here.
    bool used = false, open = false, stopping = false, deleted = false;
    bool cancelling = false;
    bool blocked_for_users = false;
    bool ready_once = false;  // up to 7.0: what START waits for, which stays
    bool unprivileged_fetcher = false;
    bool ever_ready = false;
    bool counts_as_unprivileged = false;
    bool freed = false;
    bool ending_scheduled = false;    // up to 6.14: the work that a server's death starts
    bool cancelled_in_round = false;  // a thread ended: the round is lost
    bool watched = false;             // a timer looks for requests that take too long
    process* opener = nullptr;
    int opener_pid = 0;
    const process* mapper = nullptr;  // who mapped descriptors in this round
    unsigned references = 1;
    unsigned started = 0;   // requests between queue_request and their completion
    unsigned watchers = 0;  // those who wait for `started` or idle slots
    std::vector<ublk_queue> queues = {};
    descriptor_area descriptors = {};
    std::vector<shared_memory> shared = {};
    int next_shared = 0;
    std::vector<uring_command*> lost = {};  // 6.15, 6.16: FETCH without a buffer

    [[nodiscard]] bool has(std::uint64_t flag) const { return (info.flags & flag) != 0; }
    [[nodiscard]] uapi::device_state state() const {
        return static_cast<uapi::device_state>(info.state);
    }
    void set_state(uapi::device_state s) { info.state = static_cast<std::uint16_t>(s); }
    [[nodiscard]] bool batch() const { return has(uapi::f_batch_io); }
    [[nodiscard]] bool copies() const {
        return !has(uapi::f_user_copy | uapi::f_supp_zero_copy | uapi::f_auto_buf_reg);
    }
    // Without a server requests wait, are sent again, or fail at once.
    [[nodiscard]] bool keeps_disk() const { return has(uapi::f_user_recovery); }
    [[nodiscard]] bool fails_io() const {
        return keeps_disk() && has(uapi::f_user_recovery_fail_io);
    }
    [[nodiscard]] bool queues_io() const {
        return keeps_disk() && !has(uapi::f_user_recovery_fail_io);
    }
    [[nodiscard]] bool reissues() const {
        return keeps_disk() && has(uapi::f_user_recovery_reissue);
    }
    [[nodiscard]] bool all_fetched() const {
        for (const ublk_queue& q : queues) {
            if (!q.all_fetched()) return false;
        }
        return true;
    }
};

}  // namespace ashlar::twin
