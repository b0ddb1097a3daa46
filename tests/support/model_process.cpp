// SPDX-License-Identifier: MIT
// The model's files of text, its threads, memory and clock.
#include "support/model_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/mman.h>
#include <thread>

namespace ashlar::test {

namespace {

class std_thread final : public os::thread {
public:
    explicit std_thread(std::thread t) : thread_(std::move(t)) {}
    ~std_thread() override { thread_.join(); }

private:
    std::thread thread_;
};

class std_monitor final : public os::monitor {
public:
    void lock() override { mutex_.lock(); }
    void unlock() override { mutex_.unlock(); }
    bool wait(std::uint64_t timeout_ns) override {
        std::unique_lock held(mutex_, std::adopt_lock);
        // It may wake without cause, so it does.
        const std::chrono::nanoseconds limit(std::min<std::uint64_t>(timeout_ns, 10'000'000));
        changed_.wait_for(held, limit);
        held.release();
        return limit.count() != static_cast<std::int64_t>(timeout_ns);
    }
    void notify_all() override { changed_.notify_all(); }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
};

// Gives its path up when it goes.
class model_path_lock final : public os::path_lock {
public:
    explicit model_path_lock(std::function<void()> unlock) : unlock_(std::move(unlock)) {}
    model_path_lock(const model_path_lock&) = delete;
    model_path_lock& operator=(const model_path_lock&) = delete;
    ~model_path_lock() override { unlock_(); }

private:
    std::function<void()> unlock_;
};

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

std::uint64_t model_machine::now_ns() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::int64_t model_machine::wall_clock_seconds() { return 1'700'000'000; }

std::uint64_t model_machine::unguessable() {
    std::lock_guard lock(mutex_);
    unguessable_ = unguessable_ * 6364136223846793005 + 1442695040888963407;
    return unguessable_;
}

std::unique_ptr<os::monitor> model_machine::make_monitor() {
    return std::make_unique<std_monitor>();
}

void model_machine::sleep_ns(std::uint64_t time) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<std::uint64_t>(time, 1'000'000)));
}

result<std::unique_ptr<os::thread>> model_machine::start_thread(const std::string& name,
                                                                std::span<const unsigned>,
                                                                std::function<void()> body) {
    {
        std::lock_guard lock(mutex_);
        if (int code = injected()) {
            return failure({.operation = "start a thread", .object = name, .code = code});
        }
    }
    return std::make_unique<std_thread>(std::thread(std::move(body)));
}

result<std::span<std::byte>> model_machine::allocate_memory(std::size_t bytes) {
    std::lock_guard lock(mutex_);
    int code = injected();
    // Mapped, as most of it is never used.
    void* at = code != 0 ? MAP_FAILED
                         : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        return failure({.operation = "allocate memory",
                        .object = fmt::format("{} bytes", bytes),
                        .code = code != 0 ? code : errno});
    }
    memory_.emplace(at, bytes);
    return std::span(static_cast<std::byte*>(at), bytes);
}

void model_machine::free_memory(std::span<std::byte> memory) {
    std::lock_guard lock(mutex_);
    auto found = memory_.find(memory.data());
    if (found == memory_.end() || found->second != memory.size()) std::abort();
    memory_.erase(found);
    ::munmap(memory.data(), memory.size());
}

result<> model_machine::lock_memory() {
    std::lock_guard lock(mutex_);
    if (int code = injected()) {
        return failure({.operation = "lock memory", .object = {}, .code = code});
    }
    return {};
}

std::optional<std::string> model_machine::read_text(const std::string& path) {
    std::lock_guard lock(mutex_);
    auto found = texts_.find(path);
    if (found == texts_.end()) return std::nullopt;
    return found->second;
}

std::vector<std::string> model_machine::list_directory(const std::string& path) {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, text] : texts_) {
        if (directory_of(name) == path) names.push_back(name.substr(path.size() + 1));
    }
    return names;
}

std::vector<std::string> model_machine::text_files() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> paths;
    for (const auto& [path, text] : texts_) paths.push_back(path);
    return paths;
}

// What can't be done in a directory, with which errno; 0 if it can.
int model_machine::refusal_below(const std::string& path) {
    if (int code = injected()) return code;
    return directories_.contains(directory_of(path)) ? 0 : ENOENT;
}

result<> model_machine::make_directory(const std::string& path) {
    std::lock_guard lock(mutex_);
    if (int code = refusal_below(path)) {
        return failure({.operation = "make the directory", .object = path, .code = code});
    }
    directories_.insert(path);
    return {};
}

result<> model_machine::replace_file(const std::string& path, std::string_view text) {
    std::lock_guard lock(mutex_);
    if (int code = refusal_below(path)) {
        return failure({.operation = "write", .object = path, .code = code});
    }
    texts_[path] = text;
    return {};
}

void model_machine::remove_file(const std::string& path) {
    std::lock_guard lock(mutex_);
    texts_.erase(path);
}

result<std::unique_ptr<os::path_lock>> model_machine::lock_path(const std::string& path) {
    std::unique_lock lock(mutex_);
    if (int code = refusal_below(path)) {
        return failure({.operation = "open", .object = path, .code = code});
    }
    changed_.wait(lock, [&] { return !locked_.contains(path); });
    locked_.insert(path);
    return std::make_unique<model_path_lock>([this, path] {
        std::lock_guard held(mutex_);
        locked_.erase(path);
        changed_.notify_all();
    });
}

}  // namespace ashlar::test
