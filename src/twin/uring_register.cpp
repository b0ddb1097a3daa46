// SPDX-License-Identifier: MIT
// io_uring_register: tables of files and buffers, and rings of provided buffers.
#include "twin/driver.hpp"
#include "twin/process.hpp"
#include "twin/uring.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/uio.h>
#include <utility>

namespace ashlar::twin {

namespace {

constexpr unsigned table_max = 16384;
constexpr unsigned sparse_flag = 1;  // IORING_RSRC_REGISTER_SPARSE

int register_files(ring& r, const int* fds, unsigned count) {
    if (!r.files.empty()) return -EBUSY;
    std::vector<open_file*> files(count, nullptr);
    for (unsigned i = 0; i < count; ++i) {
        if (fds == nullptr || fds[i] == -1) continue;
        files[i] = r.owner->file_of(fds[i]);
        if (files[i] == nullptr) return -EBADF;
    }
    for (open_file* f : files) {
        if (f != nullptr) kernel::get(*f);
    }
    r.files = std::move(files);
    return 0;
}

int unregister_files(ring& r) {
    if (r.files.empty()) return -ENXIO;
    const std::vector<open_file*> files = std::exchange(r.files, {});
    for (open_file* f : files) {
        if (f != nullptr) r.home.put(*f);
    }
    return 0;
}

int register_buffers(ring& r, const iovec* vectors, unsigned count) {
    if (!r.buffers.empty()) return -EBUSY;
    if (count == 0 || count > table_max) return -EINVAL;
    std::vector<fixed_buffer> buffers(count);
    for (unsigned i = 0; vectors != nullptr && i < count; ++i) {
        if (vectors[i].iov_base == nullptr) continue;
        buffers[i] = {.what = fixed_buffer::kind::user,
                      .base = static_cast<std::byte*>(vectors[i].iov_base),
                      .bytes = vectors[i].iov_len};
    }
    r.buffers = std::move(buffers);
    return 0;
}

int register_provided(ring& r, const io_uring_buf_reg& wanted) {
    const unsigned entries = wanted.ring_entries;
    if (entries == 0 || (entries & (entries - 1)) != 0 || entries >= 65536) return -EINVAL;
    if (wanted.ring_addr == 0 || wanted.ring_addr % r.home.version().page_bytes != 0)
        return -EINVAL;
    if (r.provided.contains(wanted.bgid)) return -EEXIST;
    r.provided[wanted.bgid] = {reinterpret_cast<io_uring_buf_ring*>(wanted.ring_addr), 0,
                               static_cast<std::uint16_t>(entries - 1)};
    return 0;
}

}  // namespace

int ring::register_call(unsigned opcode, void* argument, unsigned count) {
    if (uses != nullptr &&
        std::ranges::find(uses->registrations, opcode) == uses->registrations.end()) {
        return -EACCES;
    }
    switch (opcode) {
        case IORING_REGISTER_FILES:
            return register_files(*this, static_cast<const int*>(argument), count);
        case IORING_UNREGISTER_FILES: return unregister_files(*this);
        case IORING_REGISTER_FILES2: {
            const auto& wanted = *static_cast<const io_uring_rsrc_register*>(argument);
            const auto* fds = reinterpret_cast<const int*>(wanted.data);
            return register_files(*this, (wanted.flags & sparse_flag) != 0 ? nullptr : fds,
                                  wanted.nr);
        }
        case IORING_REGISTER_BUFFERS:
            return register_buffers(*this, static_cast<const iovec*>(argument), count);
        case IORING_REGISTER_BUFFERS2: {
            const auto& wanted = *static_cast<const io_uring_rsrc_register*>(argument);
            const auto* vectors = reinterpret_cast<const iovec*>(wanted.data);
            return register_buffers(*this, (wanted.flags & sparse_flag) != 0 ? nullptr : vectors,
                                    wanted.nr);
        }
        case IORING_UNREGISTER_BUFFERS:
            if (buffers.empty()) return -ENXIO;
            drop_buffers();
            return 0;
        case IORING_REGISTER_PBUF_RING:
            return register_provided(*this, *static_cast<const io_uring_buf_reg*>(argument));
        case IORING_UNREGISTER_PBUF_RING:
            return provided.erase(static_cast<const io_uring_buf_reg*>(argument)->bgid) != 0
                       ? 0
                       : -EINVAL;
        default: return -EINVAL;
    }
}

// Requests whose data stood in the table get it back.
void ring::drop_buffers() {
    const std::vector<fixed_buffer> gone = std::exchange(buffers, {});
    for (const fixed_buffer& b : gone) {
        if (b.what == fixed_buffer::kind::request) home.ublk().buffer_returned(*b.owner);
    }
}

// The ring's memory is given back: what its tables held is let go.
void ring::release() {
    drop_buffers();
    unregister_files(*this);
}

}  // namespace ashlar::twin
