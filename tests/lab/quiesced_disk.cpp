// SPDX-License-Identifier: MIT
// A disk in memory, of one tag, that is quiesced by itself while it has its first write: then every
// tag is with the server, and the kernel has no command to give back.
//
//     quiesced_disk ID
#include "raw_device.hpp"

#include <ashlar/ashlar.hpp>

#include <liburing.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace {

namespace uapi = ashlar::uapi;

void quiesce(std::uint32_t id) {
    io_uring ring{};
    io_uring_params wide{};
    wide.flags = IORING_SETUP_SQE128;
    const int control = ::open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
    const int code = io_uring_queue_init_params(2, &ring, &wide);
    if (control < 0 || code < 0) lab::fail("QUIESCE_DEV", control < 0 ? errno : -code);
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    if (entry == nullptr) lab::fail("QUIESCE_DEV", EBUSY);
    std::memset(static_cast<void*>(entry), 0, 128);
    entry->opcode = IORING_OP_URING_CMD;
    entry->fd = control;
    entry->cmd_op = uapi::encoded(uapi::ctrl_op::quiesce_dev);
    const uapi::ctrl_cmd header{.dev_id = id, .data = {1000}};
    std::memcpy(entry->cmd, &header, sizeof header);
    io_uring_submit(&ring);
    io_uring_cqe* done = nullptr;
    io_uring_wait_cqe(&ring, &done);
    if (done == nullptr || done->res < 0) lab::fail("QUIESCE_DEV", done ? -done->res : EIO);
    io_uring_queue_exit(&ring);
    ::close(control);
}

struct disk {
    std::uint32_t id;
    bool quiesced = false;
    std::vector<std::byte> bytes = std::vector<std::byte>(1 << 20);

    [[nodiscard]] std::uint64_t size() const { return bytes.size(); }
    void read(std::uint64_t at, std::span<std::byte> out) const {
        std::ranges::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                            static_cast<std::ptrdiff_t>(out.size()), out.begin());
    }
    void write(std::uint64_t at, std::span<const std::byte> in) {
        if (!quiesced) quiesce(id);
        quiesced = true;
        std::ranges::copy(in, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
};

}  // namespace

int main(int count, char** words) {
    if (count != 2) {
        std::fprintf(stderr, "usage: quiesced_disk ID\n");
        return 2;
    }
    const auto id = static_cast<std::uint32_t>(std::atoi(words[1]));
    return ashlar::serve(disk{.id = id}, {.kind = "quiesced",
                                          .id = id,
                                          .depth = 1,
                                          .recovery = ashlar::recovery::wait,
                                          .delivery = ashlar::delivery::by_tag});
}
