// SPDX-License-Identifier: MIT
// A kernel in memory: the ublk driver by its contract, io_uring as far as ashlar uses it, a block
// layer above, files and disks beneath, processes, and a scheduler for all of it.
//
// One kernel is one simulated machine. Servers run on its processes (process.hpp), which are what
// the seam asks for; users of its disks ask the block layer (block.hpp).
#pragma once

#include "rules/kernel.hpp"
#include "rules/row.hpp"
#include "twin/executor.hpp"
#include "twin/open_file.hpp"
#include "twin/pool.hpp"
#include "twin/random.hpp"
#include "twin/trace.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ashlar::twin {

class block_layer;
class driver;
class file;
class process;
class stepped_executor;
struct ring;
struct ring_operation;
struct uring_command;

struct credentials {
    bool admin = true;          // CAP_SYS_ADMIN
    bool opens_control = true;  // by the permissions of /dev/ublk-control
    std::uint32_t uid = 0, gid = 0;
};

// How rude the kernel is, within what it may be. Most of it is on unless a test wants quiet.
struct manners {
    bool short_transfers = true;  // reads and writes of files move part of what was asked
    bool any_order = true;        // of completions, deliveries, queues
    bool partition_scan = true;   // reads at START, as a real kernel's
    bool udev = true;             // opens and reads a disk that appears, and its change events
    bool scribble = true;         // over consumed entries, stale descriptors, buffers it owns
    bool interrupts = true;       // waits end early with EINTR
    // Unusual ones, for tests that look for them.
    bool small_completion_queue = false;  // completions overflow their ring early
    bool refused_registrations = false;   // now and then a request's pages can't be registered
};

// Whole transfers, everything in its order, no requests of the kernel's own.
inline constexpr manners polite = {.short_transfers = false,
                                   .any_order = false,
                                   .partition_scan = false,
                                   .udev = false,
                                   .interrupts = false};

struct kernel_options {
    rules::kernel version = *rules::kernel_named("7.3");
    std::uint64_t seed = 1;
    bool threads = false;  // tasks are threads of this machine, time is real: not repeatable
    manners manner = {};
};

class kernel {
public:
    explicit kernel(kernel_options o);
    ~kernel();
    kernel(const kernel&) = delete;
    kernel& operator=(const kernel&) = delete;

    [[nodiscard]] const kernel_options& options() const { return options_; }
    [[nodiscard]] const rules::kernel& version() const { return options_.version; }
    [[nodiscard]] const rules::contract& contract() const { return contract_; }
    executor& exec() { return *executor_; }
    stepped_executor& steps();  // only of a kernel without threads
    driver& ublk() { return *driver_; }
    block_layer& blocks() { return *blocks_; }
    trace& log() { return trace_; }
    random& choices() { return choices_; }  // of the kernel itself: orders, sizes, delays
    random& data() { return data_; }
    bool maybe(std::uint32_t parts_of_a_million) { return choices_.chance(parts_of_a_million); }

    process& start_process(credentials who = {});
    // SIGKILL: its memory is dropped without a destructor, its files are closed in the kernel's
    // order, what it had under way may still happen.
    void kill(process& victim);
    // The end of a process that has cleaned up after itself: what it left open is closed, and is an
    // accusation.
    void end(process& who);
    [[nodiscard]] const std::vector<std::unique_ptr<process>>& processes() const {
        return processes_;
    }

    // Files: one is made with its size (bytes) and known by a number until the kernel's end.
    file& make_file(std::string path, std::uint64_t bytes);
    file* find_file(const std::string& path);
    // Gives the file a descriptor that is the same in every process.
    int share_file(file& f);
    file* shared_file(int fd) const;
    // The power fails: processes are gone, disks lose what was not made durable (and keep any part
    // of it), devices and text files of /run are gone. Only between steps.
    void cut_power();

    // A server did what no server may, though a real kernel would not have told: e.g. it wrote to a
    // buffer that was not its own.
    void accuse(std::string what);
    [[nodiscard]] const std::vector<std::string>& accusations() const { return accusations_; }
    // What is still open or alive: descriptors, mappings, rings, memory, devices. Empty when all is
    // well.
    [[nodiscard]] std::string leaks() const;

    // Failures of calls, counted over all calls that can fail: see process.hpp.
    void fail_call(std::uint64_t n, int code, bool for_ever = false);
    int injected_failure();  // the errno with which this call is to fail, or 0
    [[nodiscard]] bool failed_a_call() const { return failure_happened_; }
    [[nodiscard]] std::uint64_t calls() const { return calls_; }

    // References to open files; the last one closes.
    open_file& new_file(open_file::kind what, process& opener);
    void forget_file(open_file& f);  // one that could not be opened
    static void get(open_file& f);
    void put(open_file& f);

    pool<ring_operation>& operations();
    pool<uring_command>& commands();

    // Who is told to use a disk (by its name), besides those who have it open.
    std::map<std::string, std::vector<os::holder>> holders;

    // Rings whose descriptor is closed while operations of theirs are under way.
    void keep_closing(std::unique_ptr<ring> r);
    void ring_progressed(ring& r);  // one of its operations has ended: it may be over

    // Small files of text, for records in /run: path and content.
    std::map<std::string, std::string> texts;
    std::map<std::string, bool> directories;
    std::map<std::string, process*> locked_paths;
    wait_queue paths_changed;

private:
    kernel_options options_;
    rules::contract contract_;
    random choices_, data_;
    trace trace_;
    struct pools;
    std::unique_ptr<pools> pools_;  // outlives those that give back
    std::unique_ptr<executor> executor_;
    std::unique_ptr<block_layer> blocks_;
    std::unique_ptr<driver> driver_;
    std::vector<std::unique_ptr<process>> processes_;
    std::map<std::string, std::unique_ptr<file>> files_;
    std::vector<file*> shared_;
    std::vector<std::unique_ptr<ring>> closing_, lost_rings_;  // lost: the power failed
    std::vector<std::string> accusations_;
    int next_pid_ = 4711;
    std::uint64_t fail_at_ = 0, calls_ = 0;
    int fail_code_ = 0;
    bool fail_for_ever_ = false, failure_happened_ = false;
};

}  // namespace ashlar::twin
