// SPDX-License-Identifier: MIT
// A program that gets stuck in the driver, as people's programs do. It speaks to the kernel itself.
//
//     stuck_calls start    makes a device, fetches all tags but one, and waits in START_DEV
//     stuck_calls del      makes a device, maps its descriptors, and waits in DEL_DEV
//
// Prints the device's number, and stays so until SIGTERM: then it does what was missing, and ends.
#include "raw_device.hpp"

#include <liburing.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace lab;

namespace {

constexpr std::uint16_t depth = 4;

class ring {
public:
    ring() {
        io_uring_params p{};
        p.flags = IORING_SETUP_SQE128;
        const int code = io_uring_queue_init_params(2 * depth, &ring_, &p);
        if (code < 0) fail("io_uring_queue_init", -code);
    }

    template <class Payload>
    void send(int fd, std::uint32_t number, const Payload& payload) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr) fail("io_uring_get_sqe", EBUSY);
        std::memset(static_cast<void*>(entry), 0, 128);
        entry->opcode = IORING_OP_URING_CMD;
        entry->fd = fd;
        entry->cmd_op = number;
        std::memcpy(entry->cmd, &payload, sizeof payload);
        io_uring_submit(&ring_);
    }
    int answer() {
        io_uring_cqe* done = nullptr;
        const int code = io_uring_wait_cqe(&ring_, &done);
        if (code < 0) fail("io_uring_wait_cqe", -code);
        const int outcome = done->res;
        io_uring_cqe_seen(&ring_, done);
        return outcome;
    }

private:
    io_uring ring_{};
};

struct driver {
    ring r;
    int fd = ::open("/dev/ublk-control", O_RDWR | O_CLOEXEC);

    void send(uapi::ctrl_op op, const uapi::ctrl_cmd& header) {
        r.send(fd, uapi::encoded(op), header);
    }
    void await() {
        const int outcome = r.answer();
        if (outcome < 0) fail("the command", -outcome);
    }
    void command(uapi::ctrl_op op, const uapi::ctrl_cmd& header) {
        send(op, header);
        await();
    }
};

std::uint32_t make_device(driver& d) {
    uapi::ctrl_dev_info info = one_queue(depth);
    d.command(uapi::ctrl_op::add_dev, header_of(info.dev_id, info));
    uapi::params params = without_size();
    d.command(uapi::ctrl_op::set_params, header_of(info.dev_id, params));
    return info.dev_id;
}

std::span<std::byte> map_queue(int fd) {
    const auto bytes = uapi::descriptor_map_bytes(depth, uapi::io_desc_size_default, 4096);
    void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) fail("mmap", errno);
    return {static_cast<std::byte*>(at), bytes};
}

void await_signal() {
    sigset_t expected;
    sigemptyset(&expected);
    sigaddset(&expected, SIGTERM);
    int which = 0;
    sigwait(&expected, &which);
}

void stick_in_start(driver& d, std::uint32_t id, int fd) {
    ring queue;
    std::vector<std::byte> buffers(std::size_t{depth} * buffer_bytes);
    auto fetch = [&](std::uint16_t tag) {
        const auto* buffer = &buffers[std::size_t{tag} * buffer_bytes];
        const uapi::io_cmd command{
            .q_id = 0, .tag = tag, .addr = reinterpret_cast<std::uintptr_t>(buffer)};
        queue.send(fd, uapi::encoded(uapi::io_op::fetch_req), command);
    };
    for (std::uint16_t tag = 0; tag + 1 < depth; ++tag) fetch(tag);
    d.send(uapi::ctrl_op::start_dev,
           {.dev_id = id, .data = {static_cast<std::uint64_t>(::getpid())}});
    await_signal();
    fetch(depth - 1);
    d.await();
}

void stick_in_del(driver& d, std::uint32_t id, int fd, std::span<std::byte> mapping) {
    ::close(fd);
    d.send(uapi::ctrl_op::del_dev, {.dev_id = id});
    await_signal();
    ::munmap(mapping.data(), mapping.size());
    d.await();
}

}  // namespace

int main(int count, char** words) {
    const std::string how = count == 2 ? words[1] : "";
    if (how != "start" && how != "del") {
        std::fprintf(stderr, "usage: stuck_calls start | del\n");
        return 2;
    }
    sigset_t kept;
    sigemptyset(&kept);
    sigaddset(&kept, SIGTERM);
    sigprocmask(SIG_BLOCK, &kept, nullptr);
    driver d;
    if (d.fd < 0) fail("/dev/ublk-control", errno);
    const std::uint32_t id = make_device(d);
    const int fd = open_node(id);
    const auto mapping = map_queue(fd);
    std::printf("%u\n", id);
    std::fflush(stdout);
    if (how == "start") {
        stick_in_start(d, id, fd);
    } else {
        stick_in_del(d, id, fd, mapping);
    }
    return 0;
}
