// SPDX-License-Identifier: MIT
// What a sequence needs of an operating system: what one process may call, and the stage on which
// processes act. Linux is linux_calls and linux_stage; the twin comes beside them.
#pragma once

#include "step.hpp"

#include <liburing.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <vector>

namespace agree {

// System calls, raw: each gives what the kernel gives, or -errno, and may block. One object serves
// all threads of a process. Addresses below one page are never mapped.
class calls {
public:
    virtual ~calls() = default;
    virtual int open(const std::string& path, int flags) = 0;
    virtual int close(int fd) = 0;
    // The address, or -errno. `shared`: MAP_SHARED, else MAP_PRIVATE.
    virtual long map(int fd, std::size_t bytes, std::uint64_t position, int protection,
                     bool shared) = 0;
    virtual int unmap(std::byte* at, std::size_t bytes) = 0;
    virtual int protect(std::byte* at, std::size_t bytes, int protection) = 0;
    virtual long pread(int fd, void* to, std::size_t bytes, std::uint64_t position) = 0;
    virtual long pwrite(int fd, const void* from, std::size_t bytes, std::uint64_t position) = 0;
    virtual int flush(int fd) = 0;                                             // fsync
    virtual int discard(int fd, std::uint64_t from, std::uint64_t bytes) = 0;  // BLKDISCARD
    virtual int zero(int fd, std::uint64_t from, std::uint64_t bytes) = 0;     // BLKZEROOUT
    virtual int ring_open(io_uring& ring, unsigned entries, unsigned setup_flags) = 0;
    virtual void ring_close(io_uring& ring) = 0;
    virtual int ring_register(io_uring& ring, unsigned opcode, const void* what,
                              unsigned count) = 0;
    // io_uring_enter of what is prepared, without a wait.
    virtual int ring_submit(io_uring& ring) = 0;
    // io_uring_enter for completions only, without a wait: task work is done.
    virtual void ring_poll(io_uring& ring) = 0;
    // Memory of the process, zeroed, at a page; it stays until the process ends.
    virtual std::byte* memory(std::size_t bytes) = 0;
};

// What all processes of a sequence know, however they learned it.
struct board {
    struct device {
        std::atomic<std::int32_t> id = -1;
        std::atomic<std::uint64_t> flags = 0;  // as ADD_DEV gave them back
        std::atomic<std::uint32_t> queues = 0, depth = 0, desc_bytes = 24;
    };
    std::array<device, devices_max> devices;
    std::array<std::atomic<std::int32_t>, processes_max> pids{};
    std::atomic<bool> serving = false;      // requests are to be answered as they come
    std::atomic<std::uint32_t> served = 0;  // how many were
};

// What came of a step, at once or later. A FETCH that waits gives nothing until its completion.
struct event {
    unsigned step = 0;
    std::string text = {};
};

class stage {
public:
    virtual ~stage() = default;
    // Lets the step's process and thread do it.
    virtual void begin(unsigned number) = 0;
    // Everything that came of this and of earlier steps until nothing more can come of itself
    // (twin: exactly; Linux: until it was quiet for long enough). In any order.
    virtual std::vector<event> settle(unsigned number) = 0;
    // Each device that the sequence has made: id, state, server, nodes: "a=0 LIVE p0 c b".
    virtual std::string observe() = 0;
    // Ends all processes, deletes all devices: "clean", or what is left.
    virtual std::string finish() = 0;
};

// Of file::regular.
inline constexpr const char* regular_path = "/tmp/ashlar-agree-file";

// "LIVE p0": what GET_DEV_INFO told of a device.
std::string state_text(const board& b, const uapi::ctrl_dev_info& info, int outcome);

// Runs a sequence and gives its record: a line a step, below it what came later of earlier ones and
// how the devices changed.
std::string run(const sequence& s, stage& on);

struct pace {
    unsigned patience = 1;  // multiplies every limit of time
    // Nothing but this runs, and time is what it makes of it (a guest that counts instructions):
    // five looks at the machine in each limit will do.
    bool calm = false;
};

// Linux. The sequence gets a process of its own, which is given up after a while.
std::string run_on_linux(const sequence& s, const pace& at);
// The twin, as a kernel of this version: "7.3", on a machine of so many processors.
std::string run_on_twin(const sequence& s, const std::string& version, unsigned cpus);
unsigned linux_version();  // 612
std::string linux_name();  // uname -r

}  // namespace agree
