// SPDX-License-Identifier: MIT
// A machine for unit tests: behind the seam stands enough of a ublk driver, in memory, to run
// devices on real threads. It keeps a ledger of everything that is open, and can fail the n-th
// call. It answers rudely where it may: completions come in any order, and transfers of files are
// short.
//
// It knows the good path and the errors that tests ask for; it is no reference for the contract.
#pragma once

#include "os/machine.hpp"
#include "uapi/ublk.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>

namespace ashlar::test {

// A request as the block layer sees it; `data` is given (write) or filled (read).
struct block_request {
    uapi::op op = uapi::op::read;
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::uint32_t flags = 0;
    std::vector<std::byte> data = {};
    std::uint16_t queue = 0;
    bool done = false;
    int outcome = 0;
};

class model_machine final : public os::machine {
public:
    model_machine();
    ~model_machine() override;

    // ---- for tests ----
    // Fails the n-th call (from 1) of those that can fail, with this errno; 0 switches it off.
    void fail_call(unsigned n, int code);
    [[nodiscard]] bool failed_a_call() const { return failure_happened_; }
    // What is still open or held: descriptors, mappings, rings, memory, locks, devices.
    // Empty when all is well.
    std::string leaks();
    // Sends requests to a started device and waits for their answers. All of them become visible to
    // the server at once.
    void perform(std::uint32_t device, std::span<block_request> requests);
    int perform(std::uint32_t device, block_request& request);
    // Descriptors of this file behave like a file of this content.
    int make_file(std::vector<std::byte> content);
    std::vector<std::byte> file_content(int fd);
    // Paths of the files of text that are there.
    std::vector<std::string> text_files();
    void remove_device(std::uint32_t id);  // as somebody else's STOP and DEL would
    void set_version(unsigned major, unsigned minor);
    void add_holder(os::holder h);
    void clear_holders();
    uapi::params params_of(std::uint32_t id);
    std::uint64_t features = uapi::all_known_flags;
    unsigned queues_max = 8;
    bool raw_only = false;
    bool answer_start = true;

    // ---- the seam ----
    result<int> open(const std::string& path, int flags) override;
    void close(int fd) override;
    result<std::span<const std::byte>> map(int fd, std::size_t bytes, std::uint64_t at) override;
    void unmap(std::span<const std::byte> mapping) override;
    result<> ring_open(io_uring& ring, const os::ring_spec& spec) override;
    void ring_close(io_uring& ring) override;
    int ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) override;
    int ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) override;
    result<int> wakeup_open() override;
    void wakeup_signal(int fd) override;
    result<std::span<std::byte>> allocate_memory(std::size_t bytes) override;
    void free_memory(std::span<std::byte> memory) override;
    result<> lock_memory() override;
    std::uint64_t now_ns() override;
    std::int64_t wall_clock_seconds() override;
    void sleep_ns(std::uint64_t time) override;
    std::uint64_t unguessable() override;
    std::unique_ptr<os::monitor> make_monitor() override;
    result<std::unique_ptr<os::thread>> start_thread(const std::string& name,
                                                     std::span<const unsigned> cpus,
                                                     std::function<void()> body) override;
    void mark_io_thread() override {}
    os::kernel_version version() override { return version_; }
    unsigned cpu_ids() override { return 4; }
    std::size_t page_bytes() override { return 4096; }
    int process_id() override { return 4711; }
    std::optional<os::node> look_up(const std::string& path) override;
    std::optional<std::string> read_text(const std::string& path) override;
    std::vector<std::string> list_directory(const std::string& path) override;
    result<> make_directory(const std::string& path) override;
    result<> replace_file(const std::string& path, std::string_view text) override;
    void remove_file(const std::string& path) override;
    result<std::unique_ptr<os::path_lock>> lock_path(const std::string& path) override;
    bool udev_has_handled(const os::node&, std::uint64_t) override { return true; }
    std::vector<os::holder> holders_of(const std::string& disk) override;
    bool load_module(const std::string&) override { return false; }

private:
    struct ring_state;
    struct tag_state {
        ring_state* ring = nullptr;  // of the command that waits; null: none does
        std::uint64_t user_data = 0;
        std::uint64_t address = 0;
        block_request* request = nullptr;  // with the server
    };
    struct device_state {
        uapi::ctrl_dev_info info;
        uapi::params params;
        std::vector<std::byte> descriptors;
        std::vector<std::vector<tag_state>> tags;
        std::deque<block_request*> waiting;
        bool started = false, stopping = false, deleted = false;
        int openers = 0, mappings = 0;
    };
    // A control command that can't be answered yet.
    struct blocked {
        ring_state* ring;
        std::uint64_t user_data;
        std::function<std::optional<int>()> try_it;
    };
    struct file {
        enum class kind : std::uint8_t { control, character, wakeup, plain } what;
        std::uint32_t device = 0;
        std::uint64_t signals = 0;
        std::vector<std::byte> content = {};
    };

    int injected();
    int refusal_below(const std::string& path);
    int new_fd(file f);
    void post(ring_state& r, std::uint64_t user_data, int outcome);
    void consume(ring_state& r, const io_uring_sqe& entry);
    void consume_io(ring_state& r, const io_uring_sqe& entry, int fd);
    std::optional<int> control(std::uint32_t number, const uapi::ctrl_cmd& c,
                               std::function<std::optional<int>()>& later);
    int add_device(const uapi::ctrl_cmd& c);
    int character_command(ring_state& r, const io_uring_sqe& entry, std::uint32_t device);
    int commit(device_state& d, tag_state& t, const uapi::io_cmd& c);
    void deliver(device_state& d);
    void stop(device_state& d);
    static bool all_fetched(const device_state& d);
    static bool idle(const device_state& d);
    void settle();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<int, file> files_;
    std::map<const void*, std::uint32_t> mappings_;
    std::map<std::uint32_t, std::unique_ptr<device_state>> devices_;
    std::map<const io_uring*, std::unique_ptr<ring_state>> rings_;
    std::vector<blocked> blocked_;
    std::vector<os::holder> holders_;
    std::map<const void*, std::size_t> memory_;
    std::map<std::string, std::string> texts_;  // files, by path
    std::set<std::string> directories_{"", "/run", "/tmp"};
    std::set<std::string> locked_;
    std::uint64_t unguessable_ = 1;
    os::kernel_version version_{7, 3, "7.3-model"};
    int next_fd_ = 1000;
    unsigned fail_at_ = 0, calls_ = 0;
    int fail_code_ = 0;
    bool failure_happened_ = false;
    unsigned shuffle_ = 12345;
};

}  // namespace ashlar::test
