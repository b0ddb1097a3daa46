// SPDX-License-Identifier: MIT
// What a process sees besides descriptors and rings: paths, small files, the clock, memory,
// threads.
#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/process.hpp"
#include "twin/server_memory.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <sys/mman.h>

namespace ashlar::twin {

namespace {

constexpr std::uint32_t char_major = 240, block_major = 259;
constexpr std::int64_t epoch_seconds = 1'700'000'000;

auto refuse_file(const char* operation, const std::string& object, int code) {
    return failure({.operation = operation, .object = object, .code = code});
}

// A lock with a condition, of the kernel's own: its tasks wait as the executor has them wait.
class twin_monitor final : public os::monitor {
public:
    explicit twin_monitor(executor& e) : executor_(e) {
        free_.what = "a monitor's lock";
        told_.what = "a monitor's condition";
    }
    void lock() override {
        locked l(executor_);
        while (held_) executor_.wait(free_);
        held_ = true;
    }
    void unlock() override {
        locked l(executor_);
        held_ = false;
        executor_.wake(free_);
    }
    bool wait(std::uint64_t timeout_ns) override {
        locked l(executor_);
        held_ = false;
        executor_.wake(free_);
        const std::uint64_t until =
            timeout_ns == os::no_timeout ? os::no_timeout : executor_.now() + timeout_ns;
        const bool in_time = executor_.wait(told_, until);
        while (held_) executor_.wait(free_);
        held_ = true;
        return in_time;
    }
    void notify_all() override {
        locked l(executor_);
        executor_.wake(told_);
    }

private:
    executor& executor_;
    wait_queue free_, told_;
    bool held_ = false;
};

class twin_path_lock final : public os::path_lock {
public:
    twin_path_lock(kernel& k, std::string path) : kernel_(k), path_(std::move(path)) {}
    ~twin_path_lock() override {
        locked l(kernel_.exec());
        kernel_.locked_paths.erase(path_);
        kernel_.exec().wake(kernel_.paths_changed);
    }

private:
    kernel& kernel_;
    std::string path_;
};

}  // namespace

result<int> process::wakeup_open() {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("eventfd", {}, code);
    return new_descriptor(&kernel_.new_file(open_file::kind::wakeup, *this));
}

void process::wakeup_signal(int fd, std::uint64_t amount) {
    locked lock(kernel_.exec());
    open_file* f = file_of(fd);
    if (f == nullptr || f->what != open_file::kind::wakeup) {
        return kernel_.accuse("a signal for a descriptor that can't be signalled");
    }
    f->signals += amount;
    if (!f->readers.empty()) signal_reader(*f);
}

result<std::span<std::byte>> process::allocate_memory(std::size_t bytes) {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("allocate memory", {}, code);
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return refuse_file("allocate memory", {}, ENOMEM);
    memory_[static_cast<std::byte*>(memory)] = bytes;
    server_memory::add(reinterpret_cast<std::uintptr_t>(memory), bytes);
    return std::span(static_cast<std::byte*>(memory), bytes);
}

void process::free_memory(std::span<std::byte> memory) {
    locked lock(kernel_.exec());
    if (memory_.erase(memory.data()) == 0) {
        return kernel_.accuse("memory is given back that was not taken");
    }
    server_memory::remove(reinterpret_cast<std::uintptr_t>(memory.data()));
    ::munmap(memory.data(), memory.size());
}

result<> process::lock_memory() {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("mlockall", {}, code);
    return {};
}

std::uint64_t process::now_ns() {
    locked lock(kernel_.exec());
    return kernel_.exec().now();
}

std::int64_t process::wall_clock_seconds() {
    return epoch_seconds + static_cast<std::int64_t>(now_ns() / 1'000'000'000);
}

void process::sleep_ns(std::uint64_t time) {
    locked lock(kernel_.exec());
    wait_queue nobody{.what = "a time"};
    const std::uint64_t until = kernel_.exec().now() + time;
    kernel_.exec().wait_until(nobody, until, [] { return false; });
}

std::uint64_t process::unguessable() {
    locked lock(kernel_.exec());
    return kernel_.data().next();
}

std::unique_ptr<os::monitor> process::make_monitor() {
    return std::make_unique<twin_monitor>(kernel_.exec());
}

result<std::unique_ptr<os::thread>> process::start_thread(const std::string& name,
                                                          std::span<const unsigned>,
                                                          std::function<void()> body) {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("start a thread", name, code);
    return kernel_.exec().start_thread(*this, name, std::move(body));
}

os::kernel_version process::version() {
    const rules::version v = kernel_.version().release;
    return {v.major, v.minor, fmt::format("{}.{}.{}-twin", v.major, v.minor, v.patch)};
}

unsigned process::cpu_ids() { return kernel_.version().cpu_ids; }
std::size_t process::page_bytes() { return kernel_.version().page_bytes; }

std::optional<os::node> process::look_up(const std::string& path) {
    locked lock(kernel_.exec());
    unsigned id = 0;
    if (std::sscanf(path.c_str(), "/dev/ublkc%u", &id) == 1) {
        if (!kernel_.ublk().has_char(id)) return std::nullopt;
        return os::node{.what = os::node::kind::character, .major = char_major, .minor = id};
    }
    if (std::sscanf(path.c_str(), "/dev/ublkb%u", &id) == 1) {
        if (!kernel_.ublk().has_block(id)) return std::nullopt;
        return os::node{.what = os::node::kind::block, .major = block_major, .minor = id};
    }
    if (path == "/dev/ublk-control")
        return os::node{.what = os::node::kind::character, .major = 10};
    if (kernel_.find_file(path) != nullptr) return os::node{};
    return std::nullopt;
}

std::optional<std::string> process::read_text(const std::string& path) {
    locked lock(kernel_.exec());
    unsigned id = 0;
    int length = 0;
    const int fields = std::sscanf(path.c_str(), "/sys/block/ublkb%u/stat%n", &id, &length);
    if (fields == 1 && static_cast<std::size_t>(length) == path.size()) {
        const twin::disk* d = kernel_.blocks().find(id);
        if (d == nullptr) return std::nullopt;
        // Of its numbers only the requests under way are kept here.
        return fmt::format("0 0 0 0 0 0 0 0 {} 0 0\n", kernel_.blocks().info(*d).under_way);
    }
    auto found = kernel_.texts.find(path);
    if (found == kernel_.texts.end()) return std::nullopt;
    return found->second;
}

std::vector<std::string> process::list_directory(const std::string& path) {
    locked lock(kernel_.exec());
    std::vector<std::string> names;
    for (std::uint32_t id : kernel_.ublk().ids()) {
        if (path == "/sys/class/ublk-char") names.push_back(fmt::format("ublkc{}", id));
    }
    for (const auto& [file, text] : kernel_.texts) {
        if (!file.starts_with(path + "/")) continue;
        std::string name = file.substr(path.size() + 1);
        if (name.find('/') == std::string::npos) names.push_back(std::move(name));
    }
    return names;
}

bool process::has_parent(const std::string& path) const {
    const std::string parent = path.substr(0, path.rfind('/'));
    for (const char* always : {"", "/run", "/tmp"}) {
        if (parent == always) return true;
    }
    return kernel_.directories.contains(parent);
}

result<> process::make_directory(const std::string& path) {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("make the directory", path, code);
    if (!has_parent(path)) return refuse_file("make the directory", path, ENOENT);
    kernel_.directories[path] = true;
    return {};
}

result<> process::replace_file(const std::string& path, std::string_view text) {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("write", path, code);
    if (!has_parent(path)) return refuse_file("write", path, ENOENT);
    kernel_.texts[path] = text;
    return {};
}

void process::remove_file(const std::string& path) {
    locked lock(kernel_.exec());
    kernel_.texts.erase(path);
}

result<std::unique_ptr<os::path_lock>> process::lock_path(const std::string& path) {
    locked lock(kernel_.exec());
    if (int code = failing()) return refuse_file("lock", path, code);
    if (!has_parent(path)) return refuse_file("lock", path, ENOENT);
    kernel_.exec().wait_until(kernel_.paths_changed, os::no_timeout,
                              [&] { return !kernel_.locked_paths.contains(path); });
    kernel_.locked_paths[path] = this;
    return std::make_unique<twin_path_lock>(kernel_, path);
}

bool process::udev_has_handled(const os::node&, std::uint64_t) { return true; }

std::vector<os::holder> process::holders_of(const std::string& disk) {
    locked lock(kernel_.exec());
    auto found = kernel_.holders.find(disk);
    if (found != kernel_.holders.end()) return found->second;
    unsigned id = 0;
    if (std::sscanf(disk.c_str(), "ublkb%u", &id) != 1) return {};
    const twin::disk* d = kernel_.blocks().find(id);
    if (d == nullptr || kernel_.blocks().info(*d).openers == 0) return {};
    return {{.pid = 1, .program = "user", .how = "open"}};
}

}  // namespace ashlar::twin
