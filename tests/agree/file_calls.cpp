// SPDX-License-Identifier: MIT
// The steps that are no submissions: files, mappings, rings, disks.
#include "actor.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>

namespace agree {

namespace {

std::string node(const char* prefix, std::int32_t id) {
    return fmt::format("/dev/{}{}", prefix, id);
}

}  // namespace

std::string actor::file_call(const step& s) {
    auto& fd = process_.char_fd[s.dev];
    const std::int32_t id = board_.devices[s.dev].id;
    switch (s.what) {
        case op::open: {
            const int opened = calls_.open(node("ublkc", id), static_cast<int>(s.flags));
            if (opened < 0) return errno_text(opened);
            // A second one would be lost, and with it the way to close it: kept, the first one is.
            if (fd >= 0) calls_.close(opened);
            else fd = opened;
            return "0";
        }
        case op::close: {
            if (fd < 0) return "not open";
            const int closed = calls_.close(fd.exchange(-1));
            return errno_text(closed);
        }
        case op::pread:
        case op::pwrite: {
            if (fd < 0) return "not open";
            std::byte* data = process_.area + (192 << 10);
            void* at =
                s.at == place::bad ? reinterpret_cast<void*>(std::uintptr_t{bad_address}) : data;
            if (s.what == op::pwrite) {
                std::memset(data, 'U', s.length);
                return errno_text(calls_.pwrite(fd, at, s.length, s.position));
            }
            std::memset(data, 0, s.length);
            const long outcome = calls_.pread(fd, at, s.length, s.position);
            std::string text = errno_text(outcome);
            if (outcome > 0) text += fmt::format(" first={:#x}", std::to_integer<unsigned>(*data));
            return text;
        }
        default: break;
    }
    return "no such call";
}

std::string actor::map_call(const step& s) {
    auto& m = process_.maps[s.dev][s.queue % queues_max];
    if (s.what == op::unmap) {
        if (m.at == nullptr) return "not mapped";
        const int outcome = calls_.unmap(m.at, m.bytes);
        m = {};
        return errno_text(outcome);
    }
    if (s.what == op::protect) {
        if (m.at == nullptr) return "not mapped";
        return errno_text(calls_.protect(m.at, m.bytes, static_cast<int>(s.flags)));
    }
    const int fd = process_.char_fd[s.dev];
    if (fd < 0) return "not open";
    const bool shared = s.at != place::number;
    const long at = calls_.map(fd, s.length, s.position, static_cast<int>(s.flags), shared);
    if (at < 0 && at > -4096) return errno_text(at);
    auto* start = reinterpret_cast<std::byte*>(at);
    if (m.at != nullptr) {
        calls_.unmap(start, s.length);
        return "0 again";
    }
    m = {.at = start, .bytes = (s.length + 4095) / 4096 * 4096};
    return "0";
}

std::string actor::ring_call(const step& s) {
    ring& r = rings_[s.ring];
    if (s.what == op::ring_close) {
        if (!r.open) return "not open";
        calls_.ring_close(r.raw);
        r = ring{};
        return "0";
    }
    if (const int opened = ring_for(s.ring); opened < 0) return "ring:" + errno_text(opened);
    if (s.what == op::table) {
        io_uring_rsrc_register what{};
        what.nr = static_cast<unsigned>(s.length);
        what.flags = IORING_RSRC_REGISTER_SPARSE;
        const int outcome =
            calls_.ring_register(r.raw, IORING_REGISTER_BUFFERS2, &what, sizeof what);
        return errno_text(outcome);
    }
    const auto count = static_cast<unsigned>(s.length);
    std::byte* entries = calls_.memory(4096);
    io_uring_buf_reg what{};
    what.ring_addr = reinterpret_cast<std::uintptr_t>(entries);
    what.ring_entries = count;
    what.bgid = s.group;
    const int outcome = calls_.ring_register(r.raw, IORING_REGISTER_PBUF_RING, &what, 1);
    if (outcome < 0) return errno_text(outcome);
    r.provided = reinterpret_cast<io_uring_buf_ring*>(entries);
    r.provided_count = count;
    r.provided_memory = calls_.memory(count * provided_bytes);
    io_uring_buf_ring_init(r.provided);
    for (unsigned i = 0; i < count; ++i) {
        io_uring_buf_ring_add(r.provided, r.provided_memory + i * provided_bytes, provided_bytes,
                              static_cast<unsigned short>(i), io_uring_buf_ring_mask(count),
                              static_cast<int>(i));
    }
    io_uring_buf_ring_advance(r.provided, static_cast<int>(count));
    return "0";
}

std::string actor::disk_call(const step& s) {
    auto& fd = process_.disk_fd[s.dev];
    std::byte* data = process_.area + (256 << 10) + s.thread * buffer_bytes;
    switch (s.what) {
        case op::disk_open: {
            const int opened = calls_.open(node("ublkb", board_.devices[s.dev].id),
                                           static_cast<int>(s.flags) | O_DIRECT);
            if (opened < 0) return errno_text(opened);
            if (fd >= 0) calls_.close(opened);
            else fd = opened;
            return "0";
        }
        case op::disk_close: return fd < 0 ? "not open" : errno_text(calls_.close(fd.exchange(-1)));
        default: break;
    }
    if (fd < 0) return "not open";
    switch (s.what) {
        case op::disk_read: {
            std::memset(data, 0, s.length);
            const long outcome = calls_.pread(fd, data, s.length, s.position);
            std::string text = errno_text(outcome);
            if (outcome > 0) text += fmt::format(" first={:#x}", std::to_integer<unsigned>(*data));
            return text;
        }
        case op::disk_write:
            std::memset(data, 'W', s.length);
            return errno_text(calls_.pwrite(fd, data, s.length, s.position));
        case op::disk_flush: return errno_text(calls_.flush(fd));
        case op::disk_discard: return errno_text(calls_.discard(fd, s.position, s.length));
        case op::disk_zero: return errno_text(calls_.zero(fd, s.position, s.length));
        default: break;
    }
    return "no such call";
}

}  // namespace agree
