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

void queue::fill_registration(io_uring_sqe& entry, uapi::io_op op, std::uint16_t tag) const {
    entry.opcode = IORING_OP_URING_CMD;
    entry.flags = file_flag_ | IOSQE_CQE_SKIP_SUCCESS;
    entry.fd = file_;
    entry.cmd_op = uapi::encoded(op);
    entry.user_data = name_ | kind_register;
    const uapi::io_cmd payload{.q_id = spec_.id, .tag = tag, .addr = place_in_table(tag)};
    std::memcpy(entry.cmd, &payload, sizeof payload);
}

// False: it can't be; the data has to go through a buffer.
bool queue::register_data(slot& s) {
    io_uring_sqe* entry = spec_.registers ? ring_.prepare() : nullptr;
    if (entry == nullptr) return false;
    fill_registration(*entry, uapi::io_op::register_io_buf, s.tag);
    s.registered_by_hand = true;
    return true;
}

// The kernel ends no request whose data is still registered.
void queue::unregister_data(slot& s) {
    s.registered_by_hand = false;
    io_uring_sqe* entry = ring_.prepare();
    if (entry == nullptr) [[unlikely]] {
        return note(s, EBUSY, "the ring takes no commands");
    }
    fill_registration(*entry, uapi::io_op::unregister_io_buf, s.tag);
}

// What fails with EFAULT may not have been registered, and is done again with the tag's buffer.
bool queue::goes_by_buffer(slot& s, std::error_code failed) {
    if (!s.registered_by_hand || s.flushing || failed.value() != EFAULT) return false;
    const std::span<std::byte> buffer = from_pool(s, s.length());
    if (buffer.empty()) return false;
    unregister_data(s);
    s.use_buffer(buffer);
    return true;
}

}  // namespace ashlar::queue
