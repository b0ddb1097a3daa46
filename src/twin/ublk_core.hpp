// SPDX-License-Identifier: MIT
// The inside of the driver: what its files share. All functions are called with the kernel's lock
// held; those that say that they wait are called by tasks only.
#pragma once

#include "rules/row.hpp"
#include "twin/kernel.hpp"
#include "twin/process.hpp"
#include "twin/ublk_device.hpp"

#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ashlar::twin {

inline constexpr std::uint32_t uring_multishot = 1u << 1;  // of uring_cmd_flags

// A control command on its way.
struct control_call {
    uring_command& command;
    uapi::ctrl_cmd header = {};
    uapi::ctrl_op op = {};
    rules::subject about = {};
    ublk_device* device = nullptr;  // with a reference
    rules::call facts = {};

    [[nodiscard]] std::uint64_t payload() const { return facts.payload_address.value(); }
    [[nodiscard]] std::uint16_t payload_bytes() const { return facts.payload_length.value(); }
};

class ublk_core {
public:
    explicit ublk_core(kernel& k);

    kernel& home;
    executor& exec;
    const rules::kernel& version;
    const rules::contract& contract;
    std::map<std::uint32_t, std::unique_ptr<ublk_device>> devices = {};
    // Events may still point to them and to their slots.
    std::vector<std::unique_ptr<ublk_device>> graveyard = {};
    unsigned unprivileged_devices = 0;
    std::vector<open_file*> held_files = {};  // by control commands in workers
    // Held by ADD_DEV and DEL_DEV. After the power failed it is another one.
    std::vector<std::unique_ptr<kernel_mutex>> globals = {};
    wait_queue freed = {.what = "the end of a ublk device"};

    [[nodiscard]] bool at_least(std::uint16_t major, std::uint16_t minor) const {
        return version.at_least(major, minor);
    }
    trace& log() { return home.log(); }
    block_layer& blocks() { return home.blocks(); }
    ublk_device* find(std::uint32_t id);
    static void get(ublk_device& d) { d.references += 1; }
    void put(ublk_device& d);
    // Something of the device has changed that somebody may wait for.
    void changed(ublk_device& d) { exec.wake(d.changed); }

    // ---- control commands (ublk_control*.cpp); they wait ----
    std::optional<int> control_command(uring_command& c);
    bool cancel_control(uring_command& c);
    int control(uring_command& c);
    // The errno (negative) of the first rule that the call breaks; 0 if it is accepted or held up.
    int refused(control_call& call);
    const rules::row* broken(const control_call& call) const {
        return contract.first_broken(call.about, call.facts);
    }
    int act(control_call& call);
    void fill_path(control_call& call);
    void fill_device(control_call& call);
    // Until `condition`, or -EINTR if it may be taken back and is.
    template <class F>
    int sleep(uring_command& c, wait_queue& q, bool interruptible, F&& condition) {
        c.sleeps_on = interruptible ? &q : nullptr;
        while (!condition()) {
            if (interruptible && c.cancelled) {
                c.sleeps_on = nullptr;
                return -EINTR;
            }
            exec.wait(q);
        }
        c.sleeps_on = nullptr;
        return 0;
    }
    kernel_mutex* lock_global(uring_command& c);  // null: killed

    int get_features(control_call& call);
    int add_dev(control_call& call);
    int del_dev(control_call& call, bool asynchronous);
    int set_params(control_call& call);
    int get_params(control_call& call);
    int get_dev_info(control_call& call);
    int get_queue_affinity(control_call& call);
    int start_dev(control_call& call);
    int stop_dev(control_call& call);
    int try_stop_dev(control_call& call);
    int start_user_recovery(control_call& call);
    int end_user_recovery(control_call& call);
    int update_size(control_call& call);
    int quiesce_dev(control_call& call);
    int reg_buf(control_call& call);
    int unreg_buf(control_call& call);

    ublk_device& make_device(std::uint32_t id, const uapi::ctrl_dev_info& info);
    int wait_for_fetches(control_call& call);  // takes the device's mutex if 0
    [[nodiscard]] bool ready(const ublk_device& d) const;
    void show_disk(ublk_device& d, uring_command& c);
    void scan_partitions(ublk_device& d, uring_command& c);
    void probe(disk& of, const char* what);

    // ---- the end of disks and servers (ublk_end.cpp); they wait ----
    void stop(ublk_device& d);
    void stop_locked(ublk_device& d);
    void wait_until_idle(ublk_device& d);
    void drop_disk_reference(ublk_device& d);
    void end_of_server(ublk_device& d);  // up to 6.14
    void end_of_file(ublk_device& d);    // from 6.15 on

    // ---- … without waits (ublk_cancel.cpp) ----
    void cancel_io(uring_command& c);
    // A thread has ended, with or without commands.
    void thread_ended(task who);
    void cancel_device(ublk_device& d);  // every waiting command ends
    void mark_cancelling(ublk_device& d);
    void take_back(slot& s);
    // Puts a request back or lets it fail, by the device's mode; of one in the server's hands
    // (`seen`), the mode of reissue decides.
    void abort(ublk_device& d, block_request& r, bool seen);
    void abort_owned(ublk_queue& q, bool all = false);
    void schedule_end_of_server(ublk_device& d, std::uint64_t after_ns);
    void schedule_abort(ublk_device& d, std::uint64_t after_ns);
    void reset_queue(ublk_queue& q);
    void reset_round(ublk_device& d);
    void watch_for_timeouts(ublk_device& d);

    // ---- I/O commands (ublk_io.cpp, ublk_commit.cpp, ublk_zero_copy.cpp, ublk_batch.cpp) ----
    std::optional<int> io_command(uring_command& c);
    rules::call& fill_io(ublk_device& d, const uring_command& c, const uapi::io_cmd& io);
    void fill_slot(rules::call& facts, const slot& s, const uring_command& c) const;
    int judge(rules::subject about, const rules::call& facts) const;
    std::optional<int> fetch(ublk_device& d, uring_command& c, const uapi::io_cmd& io);
    std::optional<int> commit(slot& s, uring_command& c, const uapi::io_cmd& io);
    std::optional<int> give_data(slot& s, uring_command& c, const uapi::io_cmd& io);
    void wait_with(slot& s, uring_command& c);  // the command waits in the slot
    void mark_fetched(slot& s, uring_command& c);
    void forget_fetched(slot& s);
    void take_result(slot& s, std::int32_t result, std::uint64_t address, const ring* from);
    void answer(slot& s, std::int32_t result, const ring* from);
    void finish(ublk_device& d, block_request& r);
    void accuse(const slot& s, const char* what, std::int64_t number = 0);

    void fill_index(rules::call& facts, const ring* r, std::uint64_t index) const;
    int register_buffer(ublk_device& d, uring_command& c, const uapi::io_cmd& io);
    int unregister_buffer(ublk_device& d, uring_command& c, const uapi::io_cmd& io);
    void put_in_table(ring& where, std::uint16_t index, block_request& r);
    bool register_automatically(slot& s, ring* where);
    void put_request(block_request& r);

    std::optional<int> batch_command(ublk_device& d, uring_command& c);
    int prepare(ublk_queue& q, uring_command& c, const uapi::batch_io& batch);
    int commit_batch(ublk_queue& q, uring_command& c, const uapi::batch_io& batch);
    void commit_element(slot& s, uring_command& c, const uapi::elem_header& header,
                        std::uint64_t address, bool fallback);
    std::optional<int> fetch_batch(ublk_queue& q, uring_command& c);
    void deliver_batch(ublk_queue& q);
    void next_fetch(ublk_queue& q);
    void end_fetch(ublk_queue& q, uring_command& c, int result);

    // ---- delivery (ublk_deliver.cpp) ----
    void queue_request(ublk_device& d, block_request& r);
    void deliver(slot& s);
    bool hand_over(slot& s, ring* where);  // data, registration, descriptor; false: not now
    bool bring_data(slot& s, block_request& r, std::uint32_t& sectors, std::uint64_t& address,
                    std::uint32_t& flags);
    const shared_memory* shared_by(const ublk_device& d, const block_request& r) const;
    void describe_request(slot& s, std::uint32_t flags, std::uint32_t sectors,
                          std::uint64_t address);
    void forget_request(slot& s);
    void scribble(slot& s);
    void check_scribble(slot& s);
    void unscribble(slot& s);

    // ---- files (ublk_file.cpp) ----
    int open_char(std::uint32_t id, process& who, open_file& f);
    void release_char(open_file& f);
    int map(open_file& f, process& who, std::uint64_t bytes, std::uint64_t offset, bool writable,
            bool shared, std::span<const std::byte>& at);
    std::int64_t copy(open_file& f, std::uint64_t position, std::span<std::byte> memory,
                      bool to_server, task who, bool user_memory);

    std::string describe(const ublk_device& d) const;
};

// Copies as far as the server's memory reaches, page by page.
std::size_t copy_from_server(void* to, std::uint64_t address, std::size_t bytes);
std::size_t copy_to_server(std::uint64_t address, const void* from, std::size_t bytes);

inline std::uint64_t bytes_of(const block_request& r) { return r.bytes; }
inline bool has_data(const block_request& r) { return r.data != nullptr; }

}  // namespace ashlar::twin
