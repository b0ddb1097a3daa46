// SPDX-License-Identifier: MIT
// The twin for unit tests: one machine with a process for the server, and a user of its disks.
// Which kernel it is, and whether tasks are threads or steps, is said for the whole run of the test
// program (--twin=6.12, --twin=6.12,threads).
#pragma once

#include "twin/kernel.hpp"
#include "twin/process.hpp"
#include "uapi/ublk.hpp"

#include <ashlar/serve.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::test {

// A request as the driver hands it to a server; `data` is given (write) or filled (read). No limit
// of the disk is looked at: a server must stand requests that no kernel makes.
struct block_request {
    uapi::op op = uapi::op::read;
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::uint32_t flags = 0;  // uapi::io_f_fua
    std::vector<std::byte> data = {};
    std::uint16_t queue = 0;
    std::byte* where = nullptr;  // its data, if not in `data`
    bool done = false;
    int outcome = 0;  // bytes, or a negative errno
};

// What --twin says; by default the newest kernel, in steps, and what ashlar chooses there. The lane
// and the delivery are for tests that leave the choice open.
struct twin_choice {
    std::string version = "7.3";
    bool threads = false;
    ashlar::lane lane = ashlar::lane::automatic;
    ashlar::delivery delivery = ashlar::delivery::automatic;
};
twin_choice& chosen_twin();

class twin_machine {
public:
    twin_machine() : twin_machine(chosen_twin().version) {}
    // A polite one keeps the order of things, and sends together what comes together.
    explicit twin_machine(std::string_view version, bool polite = false);
    ~twin_machine();

    operator os::machine&() { return server_; }  // NOLINT: it is one, for the server
    twin::kernel& kernel() { return *kernel_; }
    twin::process& server() { return server_; }

    // Fails the n-th call (from 1) of those that can fail, with this errno; 0 switches it off.
    void fail_call(unsigned n, int code) { kernel_->fail_call(n, code); }
    [[nodiscard]] bool failed_a_call() const { return kernel_->failed_a_call(); }
    // What is still open or held, and what the server is accused of. Empty when all is well.
    std::string leaks();
    // Sends requests to a started device and waits for their answers. All of them become visible to
    // the server at once.
    void perform(std::uint32_t device, std::span<block_request> requests);
    int perform(std::uint32_t device, block_request& request);
    // A file of this content; its descriptor is the same in every process. Its transfers are short.
    int make_file(std::span<const std::byte> content);
    std::vector<std::string> text_files();
    // STOP and DEL by somebody else, in a thread of another process.
    std::unique_ptr<os::thread> remove_device_meanwhile(std::uint32_t id);
    // Lets others run, for those who wait in a loop.
    void pass_time();
    // Uses the disk until the end of the machine or `release_disk`.
    void hold_disk(std::uint32_t id, os::holder h);
    void release_disk(std::uint32_t id);
    uapi::params params_of(std::uint32_t id);
    [[nodiscard]] bool has(std::uint64_t feature) const {
        return (kernel_->version().features() & feature) != 0;
    }

private:
    std::unique_ptr<twin::kernel> kernel_;
    twin::process& server_;
    twin::process& other_;
    unsigned files_ = 0;
    // What `perform` needs is kept: tests count allocations.
    struct submission;
    std::vector<submission> submissions_;
    twin::wait_queue ended_{.what = "the answers to a test's requests"};
    std::size_t left_ = 0;
};

}  // namespace ashlar::test
