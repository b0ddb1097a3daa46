// SPDX-License-Identifier: MIT
// Rings that can do no more than they were opened for.
#include "os/linux_machine.hpp"

#include <cerrno>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

namespace ashlar::os {

namespace {

// What linux::ring_open does itself.
constexpr std::uint8_t own_registrations[] = {IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS};

// io_uring_task_restriction of Linux 7.0: the restrictions follow it.
struct task_restriction {
    std::uint16_t flags = 0;
    std::uint16_t count = 0;
    std::uint32_t reserved[3] = {};
};

std::vector<io_uring_restriction> restrictions_to(const ring_uses& uses) {
    std::vector<io_uring_restriction> all;
    const auto registration = [&](std::uint8_t call) {
        io_uring_restriction r{};
        r.opcode = IORING_RESTRICTION_REGISTER_OP;
        r.register_op = call;
        all.push_back(r);
    };
    for (const std::uint8_t call : uses.registrations) registration(call);
    for (const std::uint8_t call : own_registrations) registration(call);
    for (const std::uint8_t operation : uses.operations) {
        io_uring_restriction r{};
        r.opcode = IORING_RESTRICTION_SQE_OP;
        r.sqe_op = operation;
        all.push_back(r);
    }
    io_uring_restriction flags{};
    flags.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    flags.sqe_flags = uses.entry_flags;
    all.push_back(flags);
    return all;
}

// Of a thread that may get privileges by a program the kernel takes none.
bool restrict_thread(const ring_uses& uses) {
    const auto allowed = restrictions_to(uses);
    const std::size_t bytes = allowed.size() * sizeof allowed[0];
    std::vector<std::byte> argument(sizeof(task_restriction) + bytes);
    const task_restriction head{.count = static_cast<std::uint16_t>(allowed.size())};
    std::memcpy(argument.data(), &head, sizeof head);
    std::memcpy(argument.data() + sizeof head, allowed.data(), bytes);
    return ::syscall(SYS_io_uring_register, -1, IORING_REGISTER_RESTRICTIONS, argument.data(), 1) ==
           0;
}

}  // namespace

void linux::restrict_rings(const ring_uses& uses, bool all) {
    rings_ = all && restrict_thread(uses) ? rings::restricted_for_ever : rings::restricted;
}

// A kernel that knows less restricts nothing, and the ring serves all the same.
int linux::begin_restricted(io_uring& ring, const ring_uses& uses) {
    std::vector<io_uring_restriction> allowed = restrictions_to(uses);
    const auto count = static_cast<unsigned>(allowed.size());
    if (ring_register(ring, IORING_REGISTER_RESTRICTIONS, allowed.data(), count) < 0) {
        rings_ = rings::unrestricted;
    }
    // A ring for one thread is this thread's from here on.
    return ring_register(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

}  // namespace ashlar::os
