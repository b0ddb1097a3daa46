// SPDX-License-Identifier: MIT
// A call to the ublk driver, as the facts that its rules ask about. Whoever judges a call fills in
// what is known; the rest stays unknown.
#pragma once

#include "rules/fact.hpp"
#include "rules/kernel.hpp"
#include "uapi/ublk.hpp"

namespace ashlar::rules {

// What a call is about: the rows of a subject are those of the way that such a call takes.
enum class subject : std::uint8_t {
    entry,  // a submission entry, whatever it is
    // Control commands.
    unknown_control,
    get_features,
    add_dev,
    set_params,
    get_params,
    start_dev,
    stop_dev,
    try_stop_dev,
    del_dev,
    del_dev_async,
    get_dev_info,
    get_dev_info2,
    get_queue_affinity,
    start_user_recovery,
    end_user_recovery,
    update_size,
    quiesce_dev,
    reg_buf,
    unreg_buf,
    // I/O commands.
    unknown_io,
    fetch_req,
    commit_and_fetch_req,
    need_get_data,
    register_io_buf,
    unregister_io_buf,
    prep_io_cmds,    // the header of the command
    prep_element,    // one of its elements
    commit_io_cmds,  // …
    commit_element,
    fetch_io_cmds,
    // Files.
    open_char,
    map_descriptors,
    read_data,   // pread of ublkcN: takes the data of a WRITE
    write_data,  // pwrite of ublkcN: gives the data of a READ
    open_block,
};

subject subject_of(uapi::ctrl_op command);
subject subject_of(uapi::io_op command);

// The release that brought the command. Before it, a kernel does not know it, and only rules that
// ask for more than one command are worth a look.
version first_release(subject s);

struct call {
    // ---- the submission entry, and the ring ----
    enum class file_kind : std::uint8_t { none, control, character, other };
    fact<std::uint8_t> opcode = {}, entry_flags = {};
    fact<std::uint16_t> ioprio = {};
    fact<std::uint32_t> command_number = {};            // cmd_op
    fact<std::uint32_t> pad1 = {}, command_flags = {};  // bytes 12 and 28
    fact<std::uint64_t> entry_address = {};             // sqe->addr
    fact<file_kind> file = {};
    fact<bool> wide_entry = {};   // 128 bytes: of the ring, or by opcode
    fact<bool> polled_ring = {};  // IORING_SETUP_IOPOLL
    fact<bool> restricted = {};   // ring restrictions refuse it
    fact<bool> personality_known = {};
    // Only for other opcodes than URING_CMD: what their own preparation wants to be zero is.
    fact<bool> fields_of_other_opcode_clear = {};

    // ---- the caller ----
    fact<bool> admin = {};        // CAP_SYS_ADMIN in the initial user namespace
    fact<bool> interrupted = {};  // by a signal, a cancellation, its end

    // ---- the header of a control command ----
    fact<std::uint32_t> dev_id = {};
    fact<std::uint16_t> queue_id = {}, length = {}, path_length = {};
    fact<std::uint64_t> address = {}, data = {};
    // What the path step (P-10) leaves of length and address, which stay as they were sent. Only
    // the command's own rules look at it; see fill_payload.
    fact<std::uint16_t> payload_length = {};
    fact<std::uint64_t> payload_address = {};
    fact<bool> path_readable = {};
    fact<int> path_error = {};       // of its look-up, 0 if it was found
    fact<bool> path_is_device = {};  // it is this device's ublkcN
    fact<bool> path_permitted = {};  // as far as the command needs it: read, or read and write
    // The payload.
    fact<bool> payload_head_readable = {};  // the first 8 bytes of params
    fact<bool> payload_readable = {}, payload_writable = {};
    fact<const uapi::ctrl_dev_info*> info = {};                 // ADD_DEV
    fact<std::uint32_t> params_length = {}, params_types = {};  // as in the payload's first 8 bytes
    fact<const uapi::params*> params =
        {};  // what would be in force: cut, merged with the stored ones
    fact<const uapi::shmem_buf_reg*> buffer = {};  // REG_BUF
    fact<bool> buffer_pinnable = {}, buffer_registered_already = {}, buffer_index_left = {},
               buffer_index_known = {};

    // ---- the driver's state ----
    fact<bool> device_exists = {};
    fact<bool> id_taken = {};  // ADD_DEV with an id
    fact<std::uint32_t> devices = {}, unprivileged_devices = {};
    fact<std::uint64_t> flags = {};  // of the device, as ADD_DEV left them
    fact<uapi::device_state> state = {};
    fact<std::uint16_t> queues = {}, depth = {};
    fact<std::uint16_t> descriptor_bytes = {};  // 24 without IO_DESC_SIZE
    fact<std::uint32_t> max_io = {};
    fact<std::uint32_t> stored_types = {};  // of the stored params
    fact<std::uint32_t> stored_length = {};
    fact<bool> disk_present = {}, disk_used = {};  // the USED bit: a disk, or users of an old one
    fact<bool> disk_open = {};
    fact<bool> all_fetched = {};    // every tag of every queue, in this round
    fact<bool> queue_fetched = {};  // … of this queue
    fact<bool> any_queue_was_ready = {};
    fact<bool> stopping = {};
    fact<bool> char_open = {};      // ublkcN is open, or its release is still running
    fact<bool> char_exists = {};    // its node
    fact<bool> pid_is_opener = {};  // data[0] against the process that opened ublkcN
    fact<bool> idle_tag_in_each_queue = {};
    fact<bool> id_free = {};          // DEL_DEV: the last reference is gone
    fact<bool> limits_accepted = {};  // START_DEV: by the block layer
    fact<bool> control_busy = {};     // another ADD_DEV or DEL_DEV is under way
    fact<bool> in_hands = {};         // the server has requests that it did not answer
    fact<bool> timed_out = {};        // QUIESCE_DEV: its time is over
    fact<bool> force_abort = {};      // of the queue
    // Of other parts of the kernel that may refuse; 0 if they did not.
    fact<int> lsm_error = {}, add_disk_error = {}, zones_error = {}, node_error = {};
    fact<bool> mapped_by_other = {};    // another address space mapped it in this round
    fact<bool> blocked_for_users = {};  // after TRY_STOP_DEV
    fact<bool> owner_matches = {};      // uid and gid of who opens ublkbN are the owner's
    fact<bool> cancelling = {};         // the queue, or its device

    // ---- an I/O command or an element of a batch, and its slot ----
    fact<std::uint16_t> q_id = {}, tag = {};
    fact<std::int32_t> result = {};
    fact<std::uint64_t> io_address = {};
    fact<bool> slot_active = {}, slot_owned = {}, slot_wants_data = {};
    fact<bool> caller_owns_slot = {};  // the calling thread fetched it
    fact<bool> other_daemon = {};      // before 6.15: the queue has a daemon, another thread
    fact<uapi::op> request_op = {};    // of the request in the server's hands
    fact<bool> request_has_data = {};
    fact<std::uint64_t> request_bytes = {};
    // Registration of buffers.
    fact<bool> index_in_table = {}, index_used = {}, index_is_user_buffer = {};
    // Batches.
    fact<const uapi::batch_io*> batch = {};
    fact<bool> elements_readable = {};
    fact<bool> multishot = {};

    // ---- files ----
    fact<bool> may_open = {};  // by the node's permissions
    fact<bool> opened_for_reading = {}, opened_for_writing = {};
    fact<bool> map_writable = {}, map_shared = {};
    fact<std::uint64_t> position = {}, bytes = {};  // of a mapping, a pread or a pwrite
    fact<bool> user_memory = {};                    // where a pread goes to or a pwrite comes from
};

// Sets payload_length and payload_address to what is left after the path step, where one is made:
// for devices without privileges and for GET_DEV_INFO2. Needs command_number, flags, length,
// address and path_length; of a command without a device they are what was sent.
void fill_payload(const kernel& k, call& c);

// A URING_CMD entry with nothing in it but the command: what io_uring looks at is as it should be.
// Whether the entry is wide enough is left open.
void fill_usual_entry(call& c, std::uint32_t command_number, call::file_kind file);

}  // namespace ashlar::rules
