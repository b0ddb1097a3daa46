// SPDX-License-Identifier: MIT
// A request's data is registered by a command of ours, in the ring's table of buffers at its tag,
// and taken out again before the answer: where the kernel does not do so by itself.
//
// Commands of one submission are begun in their order, so what the target does with the data may
// follow in the same one. They have no completion unless they fail, and so wake nobody.
#include "queue/slot.hpp"

#include <cerrno>
#include <cstring>

namespace ashlar::queue {

namespace {

void fill_command(io_uring_sqe& entry, uapi::io_op op, std::uint16_t queue, std::uint16_t tag) {
    entry.opcode = IORING_OP_URING_CMD;
    entry.flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    entry.fd = char_file;
    entry.cmd_op = uapi::encoded(op);
    entry.user_data = kind_register;
    const uapi::io_cmd payload{.q_id = queue, .tag = tag, .addr = tag};
    std::memcpy(entry.cmd, &payload, sizeof payload);
}

}  // namespace

// False: it can't be; the data has to go through a buffer.
bool queue::register_data(slot& s) {
    io_uring_sqe* entry = spec_.registers ? ring_->prepare() : nullptr;
    if (entry == nullptr) return false;
    fill_command(*entry, uapi::io_op::register_io_buf, spec_.id, s.tag);
    s.registered_by_hand = true;
    return true;
}

// The kernel ends no request whose data is still registered.
void queue::unregister_data(slot& s) {
    s.registered_by_hand = false;
    io_uring_sqe* entry = ring_->prepare();
    if (entry == nullptr) [[unlikely]] {
        return note(s, EBUSY, "the ring takes no commands");
    }
    fill_command(*entry, uapi::io_op::unregister_io_buf, spec_.id, s.tag);
}

// What fails with EFAULT may not have been registered, and is done again with the tag's buffer.
bool queue::goes_by_buffer(slot& s, std::error_code failed) {
    if (!s.registered_by_hand || s.flushing || failed.value() != EFAULT) return false;
    unregister_data(s);
    s.use_buffer(buffers_.of(s.tag, s.length()));
    return true;
}

}  // namespace ashlar::queue
