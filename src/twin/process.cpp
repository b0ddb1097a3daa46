// SPDX-License-Identifier: MIT
// Descriptors, mappings, rings and the end of a process. Its view of files is in process_files.cpp.
#include "twin/process.hpp"

#include "twin/block.hpp"
#include "twin/driver.hpp"
#include "twin/file.hpp"
#include "twin/server_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace ashlar::twin {

namespace {

constexpr unsigned entries_max = 32768;
// Completions that fit where a kernel wants them to overflow.
constexpr unsigned small_queue = 4;

auto refuse(const char* operation, std::string object, int code) {
    return failure({.operation = operation, .object = std::move(object), .code = code});
}

}  // namespace

process::process(kernel& k, int pid, credentials who) : kernel_(k), pid_(pid), who_(who) {}

process::~process() = default;

int process::new_descriptor(open_file* f) {
    files_[next_descriptor_] = f;
    return next_descriptor_++;
}

open_file* process::file_of(int fd) {
    auto found = files_.find(fd);
    if (found != files_.end()) return found->second;
    file* shared = kernel_.shared_file(fd);
    if (shared == nullptr) return nullptr;
    open_file& f = kernel_.new_file(open_file::kind::regular, *this);
    attach(f, *shared);
    return files_[fd] = &f;
}

void process::attach(open_file& f, file& content) {
    f.content = &content;
    f.seen_sync_errors = content.sync_errors - (content.sync_error_told ? 0 : 1);
}

int process::open_node(const std::string& path, int flags, open_file*& f) {
    unsigned id = 0;
    const bool control = path == "/dev/ublk-control";
    const bool character = std::sscanf(path.c_str(), "/dev/ublkc%u", &id) == 1;
    disk* block = nullptr;
    if (std::sscanf(path.c_str(), "/dev/ublkb%u", &id) == 1) block = kernel_.blocks().find(id);
    file* content = kernel_.find_file(path);
    const bool there = control || block != nullptr || content != nullptr ||
                       (character && kernel_.ublk().has_char(id));
    if (!there) return -ENOENT;
    open_file& made = kernel_.new_file(control            ? open_file::kind::control
                                       : character        ? open_file::kind::character
                                       : block != nullptr ? open_file::kind::block
                                                          : open_file::kind::regular,
                                       *this);
    made.readable = (flags & O_ACCMODE) != O_WRONLY;
    made.writable = (flags & O_ACCMODE) != O_RDONLY;
    made.exclusive = (flags & O_EXCL) != 0;
    made.direct = (flags & O_DIRECT) != 0;
    made.whole_disk = block;
    if (content != nullptr) attach(made, *content);
    int code = 0;
    if (control) code = who_.opens_control ? 0 : -EACCES;
    if (character) code = kernel_.ublk().open_char(id, *this, made);
    if (block != nullptr) {
        code = kernel_.blocks().open(*block, who_.admin, who_.uid, who_.gid, made.exclusive);
    }
    if (code == 0) {
        f = &made;
    } else {
        kernel_.forget_file(made);
    }
    return code;
}

int process::call_open(const std::string& path, int flags) {
    locked lock(kernel_.exec());
    if (int code = failing()) return -code;
    open_file* f = nullptr;
    const int code = open_node(path, flags, f);
    return code < 0 ? code : new_descriptor(f);
}

result<int> process::open(const std::string& path, int flags) {
    const int fd = call_open(path, flags);
    if (fd < 0) return refuse("open", path, -fd);
    return fd;
}

void process::close(int fd) {
    locked lock(kernel_.exec());
    auto found = files_.find(fd);
    if (found == files_.end()) {
        return kernel_.accuse(fmt::format("descriptor {} is closed, and was not open", fd));
    }
    open_file* f = found->second;
    files_.erase(found);
    kernel_.put(*f);
}

int process::call_map(int fd, std::uint64_t bytes, std::uint64_t offset, int protection, int flags,
                      std::span<const std::byte>& at) {
    locked lock(kernel_.exec());
    open_file* f = file_of(fd);
    if (f == nullptr) return -EBADF;
    if (f->what != open_file::kind::character) return -ENODEV;
    if (int code = failing()) return -code;
    const int code = kernel_.ublk().map(*f, *this, bytes, offset, (protection & PROT_WRITE) != 0,
                                        (flags & MAP_SHARED) != 0, at);
    if (code < 0) return code;
    kernel::get(*f);
    mappings_.push_back({at, f});
    return 0;
}

result<std::span<const std::byte>> process::map(int fd, std::size_t bytes, std::uint64_t at) {
    std::span<const std::byte> mapped;
    const int code = call_map(fd, bytes, at, PROT_READ, MAP_SHARED, mapped);
    if (code < 0) return refuse("mmap", "request descriptors", -code);
    return mapped;
}

void process::unmap(std::span<const std::byte> gone) {
    locked lock(kernel_.exec());
    auto found = std::ranges::find_if(mappings_,
                                      [&](const auto& m) { return m.bytes.data() == gone.data(); });
    if (found == mappings_.end()) return kernel_.accuse("what is unmapped was not mapped");
    open_file* f = found->file;
    mappings_.erase(found);
    kernel_.ublk().unmap(*this, gone);
    kernel_.put(*f);
}

int process::set_up(io_uring& user, const os::ring_spec& spec) {
    if (spec.entries == 0 || spec.entries > entries_max) return -EINVAL;
    auto r = std::make_unique<ring>(kernel_, *this);
    const unsigned entries = std::bit_ceil(spec.entries);
    r->wide = spec.wide_entries;
    r->single_issuer = spec.single_issuer;
    r->uses = spec.uses;  // as for a server with all restrictions: what it needs has to be named
    r->entries.resize(std::size_t{entries} * (spec.wide_entries ? 2 : 1));
    r->completions.resize(std::size_t{entries} * 2);
    r->cq_limit = entries * 2;
    if (kernel_.options().manner.small_completion_queue) {
        r->cq_limit = std::min(r->cq_limit, small_queue);
    }
    user = {};
    user.flags = spec.wide_entries ? IORING_SETUP_SQE128 : 0;
    user.ring_fd = user.enter_ring_fd = -1;
    user.sq.khead = &r->sq_head;
    user.sq.ktail = &r->sq_tail;
    user.sq.kflags = &r->sq_flags;
    user.sq.sqes = r->entries.data();
    user.sq.ring_mask = entries - 1;
    user.sq.ring_entries = entries;
    user.cq.khead = &r->cq_head;
    user.cq.ktail = &r->cq_tail;
    user.cq.cqes = r->completions.data();
    user.cq.ring_mask = entries * 2 - 1;
    user.cq.ring_entries = entries * 2;
    rings_.emplace_back(&user, std::move(r));
    return 0;
}

result<> process::ring_open(io_uring& user, const os::ring_spec& spec) {
    locked lock(kernel_.exec());
    int code = -failing();
    if (code == 0) code = set_up(user, spec);
    if (code < 0) return refuse("io_uring_setup", {}, -code);
    return {};
}

void process::ring_close(io_uring& user) {
    locked lock(kernel_.exec());
    auto found = std::ranges::find(rings_, &user, [](const auto& one) { return one.first; });
    if (found == rings_.end()) return kernel_.accuse("a ring is closed that was not open");
    auto r = std::move(found->second);
    rings_.erase(found);
    kernel_.keep_closing(std::move(r));
}

ring& process::ring_of(const io_uring& user) {
    for (auto& [address, r] : rings_) {
        if (address == &user) return *r;
    }
    throw std::logic_error("a ring is used that is not open");
}

int process::ring_register(io_uring& user, unsigned opcode, void* argument, unsigned count) {
    locked lock(kernel_.exec());
    if (int code = failing()) return -code;
    return ring_of(user).register_call(opcode, argument, count);
}

int process::ring_enter(io_uring& user, unsigned wait, std::uint64_t timeout_ns) {
    locked lock(kernel_.exec());
    return ring_of(user).enter(user, wait, timeout_ns);
}

// Somebody else may have done something meanwhile, or not.
void process::ring_spin(io_uring&, unsigned, std::uint64_t) {
    locked lock(kernel_.exec());
    kernel_.exec().pause();
}

std::int64_t process::call_pread(int fd, std::span<std::byte> into, std::uint64_t position) {
    locked lock(kernel_.exec());
    open_file* f = file_of(fd);
    if (f == nullptr || !f->readable) return -EBADF;
    if (f->what == open_file::kind::character) {
        return kernel_.ublk().copy(*f, position, into, true, kernel_.exec().current());
    }
    if (f->what == open_file::kind::regular) {
        return static_cast<std::int64_t>(f->content->read(position, into));
    }
    if (f->what != open_file::kind::block) return -EINVAL;
    bio b{.op = uapi::op::read,
          .sector = position / uapi::sector_bytes,
          .sectors = into.size() / uapi::sector_bytes,
          .data = into.data()};
    const int code = kernel_.blocks().perform(*f->whole_disk, b);
    return code < 0 ? code : static_cast<std::int64_t>(into.size());
}

std::int64_t process::call_pwrite(int fd, std::span<const std::byte> from, std::uint64_t position) {
    locked lock(kernel_.exec());
    open_file* f = file_of(fd);
    if (f == nullptr || !f->writable) return -EBADF;
    auto* data = const_cast<std::byte*>(from.data());  // a write only reads it
    if (f->what == open_file::kind::character) {
        return kernel_.ublk().copy(*f, position, {data, from.size()}, false,
                                   kernel_.exec().current());
    }
    if (f->what == open_file::kind::regular) {
        return static_cast<std::int64_t>(f->content->write(position, from));
    }
    if (f->what != open_file::kind::block) return -EINVAL;
    bio b{.op = uapi::op::write,
          .sector = position / uapi::sector_bytes,
          .sectors = from.size() / uapi::sector_bytes,
          .data = data};
    const int code = kernel_.blocks().perform(*f->whole_disk, b);
    return code < 0 ? code : static_cast<std::int64_t>(from.size());
}

void server_memory::add(std::uint64_t begin, std::size_t bytes) {
    std::lock_guard lock(mutex);
    ranges[begin] = begin + bytes;
}

void server_memory::remove(std::uint64_t begin) {
    std::lock_guard lock(mutex);
    ranges.erase(begin);
}

bool server_memory::has(std::uint64_t begin, std::size_t bytes) {
    std::lock_guard lock(mutex);
    auto behind = ranges.upper_bound(begin);
    if (behind == ranges.begin()) return false;
    const std::uint64_t end = std::prev(behind)->second;
    return begin < end && bytes <= end - begin;
}

bool process::copy_in(void* to, std::uint64_t user_address, std::size_t bytes) {
    if (server_memory::has(user_address, bytes)) {
        std::memcpy(to, reinterpret_cast<const void*>(user_address), bytes);
        return true;
    }
    // The kernel's way of copying from memory that may not be there.
    const iovec local{to, bytes};
    const iovec remote{reinterpret_cast<void*>(user_address), bytes};
    const ssize_t got = ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
    if (got == static_cast<ssize_t>(bytes)) return true;
    const std::size_t there = got > 0 ? static_cast<std::size_t>(got) : 0;
    std::memset(static_cast<std::byte*>(to) + there, 0, bytes - there);
    return false;
}

bool process::copy_out(std::uint64_t user_address, const void* from, std::size_t bytes) {
    if (server_memory::has(user_address, bytes)) {
        std::memcpy(reinterpret_cast<void*>(user_address), from, bytes);
        return true;
    }
    const iovec local{const_cast<void*>(from), bytes};
    const iovec remote{reinterpret_cast<void*>(user_address), bytes};
    return ::process_vm_writev(::getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes);
}

void process::thread_ended(task who) {
    kernel_.ublk().thread_ended(who);
    for (auto& [user, r] : rings_) {
        const std::vector<uring_command*> waiting = r->commands;
        for (uring_command* c : waiting) {
            if (c->who == who && c->file->what == open_file::kind::character) {
                kernel_.ublk().cancel_io(*c);
            }
        }
    }
}

// In the kernel's order: rings, descriptors, memory.
void process::close_everything() {
    alive_ = false;
    while (!rings_.empty()) {
        auto r = std::move(rings_.begin()->second);
        rings_.erase(rings_.begin());
        kernel_.keep_closing(std::move(r));
    }
    while (!files_.empty()) {
        open_file* f = files_.begin()->second;
        files_.erase(files_.begin());
        kernel_.put(*f);
    }
    while (!mappings_.empty()) {
        const mapping m = mappings_.back();
        mappings_.pop_back();
        kernel_.ublk().unmap(*this, m.bytes);
        kernel_.put(*m.file);
    }
    for (auto [memory, bytes] : memory_) {
        server_memory::remove(reinterpret_cast<std::uintptr_t>(memory));
        ::munmap(memory, bytes);
    }
    memory_.clear();
    std::erase_if(kernel_.locked_paths, [this](const auto& one) { return one.second == this; });
    kernel_.exec().wake(kernel_.paths_changed);
}

void process::lose_operations() {
    for (auto& [user, r] : rings_) r->lose_operations();
}

std::string process::leaks() const {
    std::string text;
    for (const auto& [fd, f] : files_) {
        if (kernel_.shared_file(fd) != nullptr) continue;
        text += fmt::format("process {}: descriptor {} (kind {}); ", pid_, fd,
                            static_cast<int>(f->what));
    }
    if (!mappings_.empty())
        text += fmt::format("process {}: {} mappings; ", pid_, mappings_.size());
    if (!rings_.empty()) text += fmt::format("process {}: {} rings; ", pid_, rings_.size());
    if (!memory_.empty()) text += fmt::format("process {}: {} memories; ", pid_, memory_.size());
    return text;
}

}  // namespace ashlar::twin
