// SPDX-License-Identifier: MIT
// The seam of the model: descriptors and rings. Files of text, threads and memory are in
// model_process.cpp, the driver in model_driver.cpp.
#include "support/model_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace ashlar::test {

model_machine::model_machine() = default;
model_machine::~model_machine() = default;

void model_machine::fail_call(unsigned n, int code) {
    std::lock_guard lock(mutex_);
    fail_at_ = n;
    fail_code_ = code;
    calls_ = 0;
    failure_happened_ = false;
}

// The errno with which this call is to fail, or 0.
int model_machine::injected() {
    if (fail_at_ == 0 || ++calls_ != fail_at_) return 0;
    failure_happened_ = true;
    return fail_code_;
}

std::string model_machine::leaks() {
    std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [fd, f] : files_) {
        if (f.what != file::kind::plain) {
            text += fmt::format("fd {} (kind {}); ", fd, static_cast<int>(f.what));
        }
    }
    if (!mappings_.empty()) text += fmt::format("{} mappings; ", mappings_.size());
    if (!rings_.empty()) text += fmt::format("{} rings; ", rings_.size());
    if (!memory_.empty()) text += fmt::format("{} pieces of memory; ", memory_.size());
    for (const std::string& path : locked_) text += fmt::format("lock {}; ", path);
    for (const auto& [id, d] : devices_) text += fmt::format("device {}; ", id);
    return text;
}

int model_machine::new_fd(file f) {
    files_.emplace(next_fd_, std::move(f));
    return next_fd_++;
}

result<int> model_machine::open(const std::string& path, int) {
    std::lock_guard lock(mutex_);
    if (int code = injected()) return failure({.operation = "open", .object = path, .code = code});
    if (path == "/dev/ublk-control") return new_fd({.what = file::kind::control});
    unsigned id = 0;
    if (std::sscanf(path.c_str(), "/dev/ublkc%u", &id) == 1 && devices_.contains(id)) {
        device_state& d = *devices_[id];
        if (d.openers != 0) return failure({.operation = "open", .object = path, .code = EBUSY});
        d.openers += 1;
        return new_fd({.what = file::kind::character, .device = id});
    }
    if (std::sscanf(path.c_str(), "/dev/ublkb%u", &id) == 1 && devices_.contains(id)) {
        return new_fd({.what = file::kind::plain});
    }
    return failure({.operation = "open", .object = path, .code = ENOENT});
}

void model_machine::close(int fd) {
    std::lock_guard lock(mutex_);
    auto found = files_.find(fd);
    if (found == files_.end()) std::abort();  // closed twice, or never opened
    if (found->second.what == file::kind::character) {
        devices_.at(found->second.device)->openers -= 1;
    }
    files_.erase(found);
    settle();
}

result<std::span<const std::byte>> model_machine::map(int fd, std::size_t bytes, std::uint64_t at) {
    std::lock_guard lock(mutex_);
    auto refuse = [](int code) {
        return failure({.operation = "mmap", .object = "request descriptors", .code = code});
    };
    if (int code = injected()) return refuse(code);
    device_state& d = *devices_.at(files_.at(fd).device);
    const std::uint64_t stride = uapi::descriptor_stride(sizeof(uapi::io_desc), 4096);
    const auto whole = uapi::descriptor_map_bytes(d.info.queue_depth, sizeof(uapi::io_desc), 4096);
    if (at % stride != 0 || at / stride >= d.info.nr_hw_queues || bytes != whole) {
        return refuse(EINVAL);
    }
    d.mappings += 1;
    const std::span<const std::byte> mapping(d.descriptors.data() + at, bytes);
    mappings_[mapping.data()] = d.info.dev_id;
    return mapping;
}

void model_machine::unmap(std::span<const std::byte> mapping) {
    std::lock_guard lock(mutex_);
    devices_.at(mappings_.at(mapping.data()))->mappings -= 1;
    mappings_.erase(mapping.data());
    settle();
}

result<> model_machine::ring_open(io_uring& ring, const os::ring_spec& spec) {
    std::lock_guard lock(mutex_);
    if (int code = injected()) {
        return failure({.operation = "io_uring_setup", .object = {}, .code = code});
    }
    auto r = std::make_unique<ring_state>();
    const unsigned entries = std::bit_ceil(spec.entries);
    r->wide = spec.wide_entries;
    r->sqes.resize(std::size_t{entries} * (spec.wide_entries ? 2 : 1));
    r->cqes.resize(std::size_t{entries} * 2);
    r->ready.reserve(r->cqes.size());
    ring = {};
    ring.flags = spec.wide_entries ? IORING_SETUP_SQE128 : 0;
    ring.sq.khead = &r->sq_head;
    ring.sq.ktail = &r->sq_tail;
    ring.sq.kflags = &r->sq_flags;
    ring.sq.sqes = r->sqes.data();
    ring.sq.ring_mask = entries - 1;
    ring.sq.ring_entries = entries;
    ring.cq.khead = &r->cq_head;
    ring.cq.ktail = &r->cq_tail;
    ring.cq.cqes = r->cqes.data();
    ring.cq.ring_mask = entries * 2 - 1;
    ring.cq.ring_entries = entries * 2;
    rings_[&ring] = std::move(r);
    return {};
}

void model_machine::ring_close(io_uring& ring) {
    std::lock_guard lock(mutex_);
    ring_state* r = rings_.at(&ring).get();
    // What its commands waited for will never come.
    for (auto& [id, d] : devices_) {
        for (auto& queue : d->tags) {
            for (tag_state& t : queue) {
                if (t.ring == r) t.ring = nullptr;
            }
        }
    }
    std::erase_if(blocked_, [r](const blocked& b) { return b.ring == r; });
    for (int fd : r->registered) {
        auto found = files_.find(fd);
        if (found != files_.end() && found->second.what == file::kind::character) {
            devices_.at(found->second.device)->openers -= 1;
        }
    }
    rings_.erase(&ring);
    settle();
}

int model_machine::ring_register(io_uring& ring, unsigned opcode, void* argument, unsigned count) {
    std::lock_guard lock(mutex_);
    if (int code = injected()) return -code;
    if (opcode != IORING_REGISTER_FILES) return -EINVAL;
    const std::span fds(static_cast<const int*>(argument), count);
    ring_state& r = *rings_.at(&ring);
    r.registered.assign(fds.begin(), fds.end());
    // A registered file is held by the ring as well.
    for (int fd : fds) devices_.at(files_.at(fd).device)->openers += 1;
    return 0;
}

void model_machine::post(ring_state& r, std::uint64_t user_data, int outcome) {
    // Anywhere among those that wait: nothing may rely on an order.
    shuffle_ = shuffle_ * 1103515245 + 12345;
    const auto at = static_cast<std::ptrdiff_t>(shuffle_ >> 16) %
                    (static_cast<std::ptrdiff_t>(r.ready.size()) + 1);
    r.ready.insert(r.ready.begin() + at, {.user_data = user_data, .res = outcome, .flags = 0});
    changed_.notify_all();
}

int model_machine::ring_enter(io_uring& ring, unsigned wait, std::uint64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    ring_state& r = *rings_.at(&ring);
    const unsigned shift = r.wide ? 1 : 0;
    while (r.sq_head != ring.sq.sqe_tail) {
        io_uring_sqe& entry = r.sqes[std::size_t{r.sq_head & ring.sq.ring_mask} << shift];
        r.sq_head += 1;
        consume(r, entry);
        // The kernel may write to an entry that it has taken: whoever relies on it shall notice.
        std::memset(static_cast<void*>(&entry), 0xa5, std::size_t{64} << shift);
    }
    auto room = [&] { return r.cqes.size() - (r.cq_tail - r.cq_head); };
    auto enough = [&] { return r.cq_tail - r.cq_head + r.ready.size() >= wait; };
    bool in_time = true;
    if (timeout_ns == os::no_timeout) {
        changed_.wait(lock, enough);
    } else {
        in_time = changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), enough);
    }
    while (!r.ready.empty() && room() > 0) {
        r.cqes[r.cq_tail & (r.cqes.size() - 1)] = r.ready.front();
        r.ready.erase(r.ready.begin());
        std::atomic_ref(r.cq_tail).store(r.cq_tail + 1, std::memory_order_release);
    }
    return in_time ? 0 : -ETIME;
}

result<int> model_machine::wakeup_open() {
    std::lock_guard lock(mutex_);
    if (int code = injected()) {
        return failure({.operation = "eventfd", .object = {}, .code = code});
    }
    return new_fd({.what = file::kind::wakeup});
}

void model_machine::wakeup_signal(int fd) {
    std::lock_guard lock(mutex_);
    files_.at(fd).signals += 1;
    for (auto& [raw, r] : rings_) {
        auto waiting = r->wakeups.find(fd);
        if (waiting == r->wakeups.end()) continue;
        post(*r, waiting->second, 8);
        r->wakeups.erase(waiting);
    }
}

std::optional<os::node> model_machine::look_up(const std::string& path) {
    std::lock_guard lock(mutex_);
    unsigned id = 0;
    if (std::sscanf(path.c_str(), "/dev/ublkc%u", &id) == 1) {
        if (!devices_.contains(id) || devices_[id]->deleted) return std::nullopt;
        return os::node{.what = os::node::kind::character, .major = 240, .minor = id};
    }
    if (std::sscanf(path.c_str(), "/dev/ublkb%u", &id) == 1) {
        if (!devices_.contains(id) || !devices_[id]->started) return std::nullopt;
        return os::node{.what = os::node::kind::block, .major = 259, .minor = id};
    }
    return std::nullopt;
}

std::vector<os::holder> model_machine::holders_of(const std::string&) {
    std::lock_guard lock(mutex_);
    return holders_;
}

void model_machine::add_holder(os::holder h) {
    std::lock_guard lock(mutex_);
    holders_.push_back(std::move(h));
}

void model_machine::clear_holders() {
    std::lock_guard lock(mutex_);
    holders_.clear();
}

void model_machine::set_version(unsigned major, unsigned minor) {
    version_ = {major, minor, fmt::format("{}.{}-model", major, minor)};
}

int model_machine::make_file(std::vector<std::byte> content) {
    std::lock_guard lock(mutex_);
    return new_fd({.what = file::kind::plain, .content = std::move(content)});
}

std::vector<std::byte> model_machine::file_content(int fd) {
    std::lock_guard lock(mutex_);
    return files_.at(fd).content;
}

}  // namespace ashlar::test
