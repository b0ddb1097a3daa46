// SPDX-License-Identifier: MIT
// The calls of the bug reports in tests/riddles once more, for a real kernel. It speaks to the
// kernel itself, and logs each entry, what it points to and what came of it.
//
//     riddle_calls opcode INFO HEADER    ADD_DEV with opcode 50
//     riddle_calls zeros INFO HEADER     the header at byte 64 of the entry
//     riddle_calls right INFO HEADER     as it should have been; the device is deleted again
//     riddle_calls pid | start | del     START_DEV without a pid, or before the last fetch; DEL_DEV
//                                        with a mapping held
//     riddle_calls map                   the two writable mappings, for strace
//
// INFO and HEADER are the bytes of the report, in hex; the header's address is mapped.
#include "raw_device.hpp"

#include <liburing.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <string>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <vector>

using namespace lab;

namespace {

using bytes = std::vector<unsigned char>;

constexpr std::uint16_t depth = 2;
constexpr std::size_t payload_at = 48, wrong_payload_at = 64;
constexpr int patience_s = 3;  // a command that has not come by then waits

void print(const char* what, std::span<const unsigned char> data) {
    std::printf("%s: ", what);
    for (unsigned char c : data) std::printf("%02x", c);
    std::printf("\n");
}
// What comes now is not the report's.
void end_log() {
    std::fflush(stdout);
    if (std::freopen("/dev/null", "w", stdout) == nullptr) fail("/dev/null", errno);
}
template <class T>
bytes bytes_of(const T& value) {
    bytes b(sizeof value);
    std::memcpy(b.data(), &value, sizeof value);
    return b;
}
bytes from_hex(const std::string& text) {
    bytes b;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        b.push_back(static_cast<unsigned char>(std::stoul(text.substr(i, 2), nullptr, 16)));
    }
    return b;
}

// One entry of a kind: 128 bytes, all but what is told zero.
struct call {
    int fd = -1;
    std::uint32_t number = 0;
    bytes header;
    bytes payload = {};  // what the header points to, for the log
    std::uint8_t opcode = IORING_OP_URING_CMD;
    std::size_t header_at = payload_at;
    std::uint64_t address = 0;
    std::uint32_t length = 0;
};

class ring {
public:
    ring() {
        io_uring_params p{};
        p.flags = IORING_SETUP_SQE128;
        const int code = io_uring_queue_init_params(8, &ring_, &p);
        if (code < 0) fail("io_uring_queue_init", -code);
    }

    void send(const call& c) {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry == nullptr) fail("io_uring_get_sqe", EBUSY);
        std::memset(static_cast<void*>(entry), 0, 128);
        entry->opcode = c.opcode;
        entry->fd = c.fd;
        entry->off = c.number;
        entry->addr = c.address;
        entry->len = c.length;
        entry->user_data = ++sent_;
        auto* raw = reinterpret_cast<unsigned char*>(entry);
        std::memcpy(raw + c.header_at, c.header.data(), c.header.size());
        print("sqe", {raw, 128});
        if (!c.payload.empty()) print("payload", c.payload);
        io_uring_submit(&ring_);
    }
    // The result of the last entry; nothing if it does not come.
    bool await(int& result, int seconds = patience_s) {
        __kernel_timespec limit{.tv_sec = seconds, .tv_nsec = 0};
        io_uring_cqe* done = nullptr;
        const int code = io_uring_wait_cqe_timeout(&ring_, &done, &limit);
        if (code == -ETIME) {
            std::printf("user_data=%llu never returns\n", sent_);
            return false;
        }
        if (code < 0) fail("io_uring_wait_cqe", -code);
        result = done->res;
        std::printf("cqe: user_data=%llu res=%d\n",
                    static_cast<unsigned long long>(done->user_data), result);
        io_uring_cqe_seen(&ring_, done);
        return true;
    }
    int ask(const call& c) {
        int result = 0;
        send(c);
        if (!await(result, 60)) fail("a command", ETIME);
        return result;
    }

private:
    io_uring ring_{};
    unsigned long long sent_ = 0;
};

struct driver {
    ring r;
    int fd = ::open("/dev/ublk-control", O_RDWR | O_CLOEXEC);

    driver() {
        if (fd < 0) fail("/dev/ublk-control", errno);
    }
    [[nodiscard]] call command(uapi::ctrl_op op, const uapi::ctrl_cmd& header,
                               bytes payload = {}) const {
        return {.fd = fd,
                .number = uapi::encoded(op),
                .header = bytes_of(header),
                .payload = std::move(payload)};
    }
    void must(uapi::ctrl_op op, const uapi::ctrl_cmd& header, bytes payload = {}) {
        const int result = r.ask(command(op, header, std::move(payload)));
        if (result < 0)
            fail(std::string("command ") + std::to_string(static_cast<int>(op)), -result);
    }
};

// A device with its parameters and its node, as all but the first report had them.
struct device {
    driver d;
    std::uint32_t id = 0;
    int fd = -1;
    std::vector<std::byte> buffers = std::vector<std::byte>(std::size_t{depth} * buffer_bytes);

    device() {
        uapi::ctrl_dev_info info = one_queue(depth);
        d.must(uapi::ctrl_op::add_dev, header_of(info.dev_id, info), bytes_of(info));
        print("answer", bytes_of(info));
        id = info.dev_id;
        uapi::params params = without_size();
        d.must(uapi::ctrl_op::set_params, header_of(id, params), bytes_of(params));
        fd = open_node(id);
        std::printf("openat(AT_FDCWD, \"/dev/ublkc%u\", O_RDWR) = %d\n", id, fd);
    }
    void fetch(ring& queue, std::uint16_t tag) {
        const uapi::io_cmd command{
            .q_id = 0,
            .tag = tag,
            .addr = reinterpret_cast<std::uintptr_t>(&buffers[std::size_t{tag} * buffer_bytes])};
        queue.send({.fd = fd,
                    .number = uapi::encoded(uapi::io_op::fetch_req),
                    .header = bytes_of(command)});
    }
    void end() {
        ::close(fd);
        d.must(uapi::ctrl_op::del_dev, {.dev_id = id});
    }
};

// ---- the riddles --------------------------------------------------------------------------------

// The report's header points to its info, which is put there.
call of_report(const driver& d, const bytes& info, const bytes& header) {
    uapi::ctrl_cmd c;
    if (info.size() != 64 || header.size() != sizeof c) fail("INFO, HEADER", EINVAL);
    std::memcpy(&c, header.data(), sizeof c);
    const std::uint64_t page = c.addr & ~std::uint64_t{4095};
    void* at = ::mmap(reinterpret_cast<void*>(page), 8192, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED) fail("mmap", errno);
    std::memcpy(static_cast<std::byte*>(at) + (c.addr - page), info.data(), info.size());
    return {.fd = d.fd,
            .number = uapi::encoded(uapi::ctrl_op::add_dev),
            .header = header,
            .payload = info};
}

int opcode(const bytes& info, const bytes& header) {
    driver d;
    call c = of_report(d, info, header);
    c.opcode = 50;  // the report's "IORING_OP_URING_CMD"
    c.number = 4;
    std::memcpy(&c.address, header.data() + 8, sizeof c.address);
    c.length = 64;
    c.header_at = wrong_payload_at;
    return d.r.ask(c);
}
int zeros(const bytes& info, const bytes& header) {
    driver d;
    call c = of_report(d, info, header);
    c.header_at = wrong_payload_at;
    return d.r.ask(c);
}
int right(const bytes& info, const bytes& header) {
    driver d;
    const call c = of_report(d, info, header);
    const int result = d.r.ask(c);
    std::uint64_t at = 0;
    std::memcpy(&at, header.data() + 8, sizeof at);
    uapi::ctrl_dev_info made;
    std::memcpy(&made, reinterpret_cast<const void*>(at), sizeof made);
    if (result == 0) d.must(uapi::ctrl_op::del_dev, {.dev_id = made.dev_id});
    return result;
}

int no_pid() {
    device dev;
    const int result = dev.d.r.ask(dev.d.command(uapi::ctrl_op::start_dev, {.dev_id = dev.id}));
    dev.end();
    return result;
}

// Both: the command does not come until what it waits for is done, and then does.
int start_too_early() {
    device dev;
    ring queue;
    dev.fetch(queue, 0);
    int result = 0;
    dev.d.r.send(
        dev.d.command(uapi::ctrl_op::start_dev,
                      {.dev_id = dev.id, .data = {static_cast<std::uint64_t>(::getpid())}}));
    if (dev.d.r.await(result)) return result;
    end_log();
    dev.fetch(queue, 1);
    if (!dev.d.r.await(result, 60) || result != 0) fail("START_DEV", -result);
    dev.d.must(uapi::ctrl_op::stop_dev, {.dev_id = dev.id});
    int ended = 0;
    for (int i = 0; i < depth; ++i) queue.await(ended, 60);
    dev.end();
    return -ETIME;
}
int del_while_mapped() {
    device dev;
    const auto length = uapi::descriptor_map_bytes(depth, uapi::io_desc_size_default, 4096);
    void* at = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, dev.fd, 0);
    if (at == MAP_FAILED) fail("mmap", errno);
    std::printf("mmap(NULL, %zu, PROT_READ, MAP_SHARED, %d, 0) = %p\n",
                static_cast<std::size_t>(length), dev.fd, at);
    ::close(dev.fd);
    std::printf("close(%d) = 0\n", dev.fd);
    int result = 0;
    dev.d.r.send(dev.d.command(uapi::ctrl_op::del_dev, {.dev_id = dev.id}));
    if (dev.d.r.await(result)) return result;
    end_log();
    ::munmap(at, length);
    if (!dev.d.r.await(result, 60) || result != 0) fail("DEL_DEV", -result);
    return -ETIME;
}

// The report's calls: 32 descriptors of 32 bytes, and buffers where pread's positions begin.
int map() {
    device dev;
    for (const auto& [length, offset] : {std::pair{32 * 32, 0L}, std::pair{2 << 20, 0x80000000L}}) {
        void* at = ::mmap(nullptr, static_cast<std::size_t>(length), PROT_READ | PROT_WRITE,
                          MAP_SHARED, dev.fd, offset);
        if (at != MAP_FAILED) fail("mmap was not refused", 0);
    }
    const int code = errno;
    dev.end();
    return -code;
}

}  // namespace

// Prints what came of it in the end; exits with 0 if the riddle could be asked.
int main(int count, char** words) {
    const std::string how = count > 1 ? words[1] : "";
    utsname name{};
    ::uname(&name);
    std::printf("Linux %s\n", name.release);
    int result = 0;
    if (count == 4 && (how == "opcode" || how == "zeros" || how == "right")) {
        const bytes info = from_hex(words[2]), header = from_hex(words[3]);
        result = how == "opcode"  ? opcode(info, header)
                 : how == "zeros" ? zeros(info, header)
                                  : right(info, header);
    } else if (how == "pid") {
        result = no_pid();
    } else if (how == "start") {
        result = start_too_early();
    } else if (how == "del") {
        result = del_while_mapped();
    } else if (how == "map") {
        result = map();
    } else {
        std::fprintf(stderr,
                     "usage: riddle_calls opcode|zeros|right INFO HEADER | pid|start|del|map\n");
        return 2;
    }
    std::fprintf(stderr, "%d\n", result);
    return 0;
}
