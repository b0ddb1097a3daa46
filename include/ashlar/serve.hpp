// SPDX-License-Identifier: MIT
// Making a block device of a target.
//
//     int main() { return ashlar::serve(Ram{...}); }
//
// is a whole program: it makes the device, prints its path, serves it until SIGINT or SIGTERM, and
// removes it. ashlar::device is the same in parts, for programs with a life of their own.
#pragma once

#include <ashlar/error.hpp>
#include <ashlar/latency.hpp>
#include <ashlar/target.hpp>
#include <ashlar/threads.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ashlar {

// One step of a device's way from nothing to use, told as it happens.
struct step {
    enum class kind : std::uint8_t {
        add_dev,
        set_params,
        char_node,
        descriptors,
        fetch,
        start_dev,
        block_node,
        first_io
    };
    kind what;
    std::string detail = {};
};
std::string_view name(step::kind what);

// What becomes of a device whose server dies. Where it stays, device::recover serves it again.
enum class recovery : std::uint8_t {
    none,     // it ends, and its requests fail
    wait,     // it stays; requests that the server had fail, all others wait
    reissue,  // it stays; all requests wait. Those that the server had are made once more, so what
              // the dead server began must not go on behind the new one's back
    fail      // it stays, and requests fail until it is served again. Linux 6.13
};

// The way of a request's data between the kernel and the target. `automatic` takes the one with the
// fewest copies that this kernel has and the target can use.
enum class lane : std::uint8_t {
    automatic,
    plain_copy,  // the kernel copies to and from a buffer of the request's tag. Any kernel
    user_copy,   // the server copies, straight between its memory and the request. Linux 6.5
    zero_copy,   // the data goes to a descriptor without a copy. Linux 6.16, and a target that
                 // passes data
    zero_copy_manual,  // … with two commands more for each request. Linux 6.15
    in_place,      // the kernel copies straight from and to the target's memory; a write takes two
                   // commands. Any kernel, and a target with a place. Not in batches
    shared_memory  // as plain_copy, but nobody copies the data of requests in memory that clients
                   // share with the server (shared_memory.hpp). Linux 7.1. Without recovery
};
std::string_view name(lane which);

// How requests come to the server and answers go back.
enum class delivery : std::uint8_t {
    automatic,
    by_tag,     // a command for each request. Any kernel
    in_batches  // a command for all that has come, and one for all answers. Linux 7.0
};
std::string_view name(delivery which);

struct options {
    std::string name = {};                 // a link /dev/ashlar/NAME, by udev; empty: none
    std::string kind = "program";          // the word for the target in lists
    std::optional<std::uint32_t> id = {};  // else the lowest free one
    unsigned queues = 1;                   // 1 to 4096; the kernel cuts it to its number of CPUs
    unsigned threads_per_queue = 1;        // 1 to 64, at most the depth. More than 1: Linux 6.16
    unsigned spin_us = 0;                  // microseconds, 0 to 10000: how long a thread looks for
                                           // requests, if they come densely, before it sleeps
    unsigned depth = 128;                  // 1 to 4096 requests a queue
    std::uint32_t block_size = 0;          // bytes, 512 to 4096; 0: what the target wants
    std::uint32_t max_io = 512 * 1024;     // bytes of the largest request; 4 KiB to 32 MiB
    bool read_only = false;
    ashlar::recovery recovery = ashlar::recovery::none;  // an error where the kernel has it not
    bool unfenced = false;    // make requests again (reissue) though the target has no fence
    std::string recipe = {};  // kept in the device's record, for who serves it again
    ashlar::lane lane = ashlar::lane::automatic;              // an error where it can't be had
    ashlar::delivery delivery = ashlar::delivery::automatic;  // … the same
    ashlar::threads threads = {};  // serve its queues, and other devices'; else it has its own
    // A device of this user's own, for who may make no other. The kernel copies its data, looks for
    // no partitions, ends it with its server, and kills a server that leaves a request without an
    // answer for 30 seconds. Linux 6.3, and permissions by udev's rules.
    bool unprivileged = false;
    bool lock_memory = false;  // mlockall(2), needed where the machine may swap on the device
    bool load_driver = true;   // run modprobe ublk_drv where the driver is not loaded
    std::function<void(const step&)> on_step = {};  // called on the thread that makes the device
};

// What a queue has done so far. `turns` with requests in them against `enters` shows the batching.
struct queue_counters {
    std::uint64_t requests = 0, reads = 0, writes = 0, flushes = 0, discards = 0, zeroes = 0;
    std::uint64_t bytes_read = 0, bytes_written = 0;
    std::uint64_t bytes_copied = 0;   // by the kernel or the core; copies in handlers are their own
    std::uint64_t failed = 0;         // requests answered with an error
    std::uint64_t turns = 0;          // wake-ups that brought at least one completion
    std::uint64_t enters = 0;         // calls of io_uring_enter
    std::uint64_t largest_batch = 0;  // most requests in one turn
    std::uint64_t frames_on_heap = 0;  // coroutine frames that did not fit the tags' own memory
    std::uint64_t completions = 0;     // of the ring: requests, and what the target waited for
    std::uint64_t in_hand = 0;         // requests that are not answered now
    std::uint64_t longest_ns = 0;      // for how long the oldest of these is not
    latency_histogram latency = {};    // of requests that were answered

    // Adds what another thread of the same queue has done.
    void merge(const queue_counters& other) noexcept;
};

enum class stop_when : std::uint8_t {
    idle,  // a device in use is not stopped: the error (EBUSY) says who holds it
    now,   // requests still under way are answered, later ones fail
};

// A device that is being served by threads of this process. Destroying it removes the device, in
// use or not. Its functions may be called by one thread at a time, not by a queue's (not from
// handlers).
class device {
public:
    // Blocks until the node is usable, seconds at most on a healthy machine. However it fails,
    // nothing is left behind.
    static result<device> start(target served, options wanted = {});

    // Serves a device again whose server is gone, and which was made with a recovery. The target
    // must hold what the device held, and have its size and abilities. Queues, depth, max_io, name
    // and recovery are the device's, whatever the options say. If it fails, the device waits on as
    // before.
    static result<device> recover(std::uint32_t id, target served, options wanted = {});

    device(device&&) noexcept;
    device& operator=(device&&) noexcept;
    ~device();

    [[nodiscard]] std::uint32_t id() const;
    [[nodiscard]] std::string path() const;  // "/dev/ublkb0"
    [[nodiscard]] std::vector<queue_counters> counters() const;
    // True once somebody else has removed the device, or has quiesced it.
    [[nodiscard]] bool ended() const;
    // After `ended`: serves a device again that was made with a recovery and was only quiesced, and
    // that nobody else has taken over within three seconds. False if it has been removed, or is
    // another server's now. Blocks, half a minute at most.
    result<bool> resume();
    [[nodiscard]] std::uint64_t size() const;  // bytes
    // Gives the device another size while it is in use: a multiple of its block, in bytes. Linux
    // 6.16, and a target with a `resize`, which is called while it has no requests; those that come
    // meanwhile wait. Blocks until the kernel has answered, and for 10 seconds at most until the
    // target has answered what it had. Requests behind a new end fail. If it fails, the size is the
    // old one, and the error names the rule by which the kernel would refuse it.
    result<> resize(std::uint64_t bytes);
    // What the target could have now: where the file beneath has grown, more.
    [[nodiscard]] result<std::uint64_t> size_now() const;
    // Removes the device. After success, and after a failure other than EBUSY, it is over.
    result<> stop(stop_when when = stop_when::idle);

    class implementation;
    explicit device(std::unique_ptr<implementation> inside);

private:
    std::unique_ptr<implementation> inside_;
};

// Makes the device, prints its path on standard output, serves until SIGINT or SIGTERM, removes it.
// A signal while the device is in use says who holds it, goes on serving and ends once the device
// is free; a second one removes it at once. Gives an exit code: 0; 1, failed; 2, wrong options.
// Errors go to standard error.
int serve(target served, options wanted = {});

template <target_type T>
int serve(T object, options wanted = {}) {
    return serve(target(std::move(object)), std::move(wanted));
}

}  // namespace ashlar
