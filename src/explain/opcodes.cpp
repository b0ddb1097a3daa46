// SPDX-License-Identifier: MIT
#include "explain/opcodes.hpp"

#include <fmt/format.h>

#include <array>

namespace ashlar::explain {

namespace {

// In the order of their numbers.
constexpr std::array<std::string_view, 65> names = {
    "NOP",
    "READV",
    "WRITEV",
    "FSYNC",
    "READ_FIXED",
    "WRITE_FIXED",
    "POLL_ADD",
    "POLL_REMOVE",
    "SYNC_FILE_RANGE",
    "SENDMSG",
    "RECVMSG",
    "TIMEOUT",
    "TIMEOUT_REMOVE",
    "ACCEPT",
    "ASYNC_CANCEL",
    "LINK_TIMEOUT",
    "CONNECT",
    "FALLOCATE",
    "OPENAT",
    "CLOSE",
    "FILES_UPDATE",
    "STATX",
    "READ",
    "WRITE",
    "FADVISE",
    "MADVISE",
    "SEND",
    "RECV",
    "OPENAT2",
    "EPOLL_CTL",
    "SPLICE",
    "PROVIDE_BUFFERS",
    "REMOVE_BUFFERS",
    "TEE",
    "SHUTDOWN",
    "RENAMEAT",
    "UNLINKAT",
    "MKDIRAT",
    "SYMLINKAT",
    "LINKAT",
    "MSG_RING",
    "FSETXATTR",
    "SETXATTR",
    "FGETXATTR",
    "GETXATTR",
    "SOCKET",
    "URING_CMD",
    "SEND_ZC",
    "SENDMSG_ZC",
    "READ_MULTISHOT",
    "WAITID",
    "FUTEX_WAIT",
    "FUTEX_WAKE",
    "FUTEX_WAITV",
    "FIXED_FD_INSTALL",
    "FTRUNCATE",
    "BIND",
    "LISTEN",
    "RECV_ZC",
    "EPOLL_WAIT",
    "READV_FIXED",
    "WRITEV_FIXED",
    "PIPE",
    "NOP128",
    "URING_CMD128",
};

struct step {
    std::uint8_t first;
    std::string_view since;
};
// From this number on, the kernel that has it.
constexpr step steps[] = {{63, "6.19"}, {62, "6.16"}, {58, "6.15"},
                          {56, "6.11"}, {55, "6.9"},  {54, "6.8"},
                          {49, "6.7"},  {48, "6.1"},  {0, "6.0 and before"}};

std::string_view since(std::uint8_t opcode) {
    for (const step& s : steps) {
        if (opcode >= s.first) return s.since;
    }
    return {};
}

}  // namespace

std::string_view opcode_name(std::uint8_t opcode) {
    return opcode < names.size() ? names[opcode] : std::string_view{};
}

int opcode_named(std::string_view name) {
    if (name.starts_with("IORING_OP_")) name.remove_prefix(10);
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return static_cast<int>(i);
    }
    return -1;
}

std::string opcode_text(std::uint8_t opcode, const rules::kernel& k) {
    const std::string_view name = opcode_name(opcode);
    if (name.empty()) return "nothing on any kernel up to 7.3";
    if (opcode >= k.opcodes()) {
        return fmt::format("nothing on Linux {} ({} since {})", k.name(), name, since(opcode));
    }
    if (opcode >= steps[std::size(steps) - 2].first) {
        return fmt::format("{} (since {})", name, since(opcode));
    }
    return std::string(name);
}

}  // namespace ashlar::explain
