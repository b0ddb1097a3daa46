// SPDX-License-Identifier: MIT
#include "targets/file/memory_file.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace ashlar::targets {

namespace {

constexpr std::size_t piece_bytes = 64 << 10;

// What goes the long way: between a request that the kernel has and pages that may not be there.
std::span<std::byte> piece_of(std::uint64_t length) {
    thread_local const std::unique_ptr<std::byte[]> memory(new std::byte[piece_bytes]);
    return {memory.get(), std::min<std::size_t>(length, piece_bytes)};
}

std::error_code read_all(int fd, std::uint64_t at, std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error(errno);
        if (got == 0) return io_error(EIO);  // the file has shrunk
        at += static_cast<std::uint64_t>(got);
        out = out.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

std::error_code write_all(int fd, std::uint64_t at, std::span<const std::byte> in) {
    while (!in.empty()) {
        const ssize_t put = ::pwrite(fd, in.data(), in.size(), static_cast<off_t>(at));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return io_error(errno);
        if (put == 0) return io_error(ENOSPC);
        at += static_cast<std::uint64_t>(put);
        in = in.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

std::span<std::byte> map(int fd, std::uint64_t at, std::uint64_t bytes) {
    for (const int protection : {PROT_READ | PROT_WRITE, PROT_READ}) {
        void* memory = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(at));
        if (memory != MAP_FAILED) return {static_cast<std::byte*>(memory), bytes};
    }
    return {};
}

}  // namespace

mapped_pages::mapped_pages(int fd, std::uint64_t at, std::uint64_t bytes)
    : begin_(at / page * page),
      memory_(map(fd, begin_, (at - begin_ + bytes + page - 1) / page * page)),
      bits_(static_cast<std::uint64_t*>(std::calloc(memory_.size() / page / 64 + 1, 8)),
            &std::free) {
    if (!bits_) memory_ = {};
    find_data(fd);
}

mapped_pages::~mapped_pages() {
    if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

void mapped_pages::find_data(int fd) {
    const auto end = static_cast<off_t>(begin_ + memory_.size());
    auto at = static_cast<off_t>(begin_);
    while (at < end) {
        const off_t data = ::lseek(fd, at, SEEK_DATA);
        if (data < 0 || data >= end) return;
        const off_t hole = std::min(::lseek(fd, data, SEEK_HOLE), end);
        if (hole <= data) return;
        are_there(static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data));
        at = hole;
    }
}

bool mapped_pages::is_known(std::uint64_t number) const {
    const std::atomic_ref bits(bits_.get()[number / 64]);
    return (bits.load(std::memory_order_acquire) >> (number % 64) & 1) != 0;
}

mapped_pages::run mapped_pages::look(std::uint64_t at, std::uint64_t length) const {
    if (memory_.empty()) return {.unknown = length};
    at -= begin_;
    const std::uint64_t end = at + length;
    const bool there = is_known(at / page);
    std::uint64_t next = at / page + 1;
    while (next * page < end && is_known(next) == there) ++next;
    const std::uint64_t bytes = std::min(next * page, end) - at;
    if (!there) return {.unknown = bytes};
    return {.there = memory_.subspan(at, bytes)};
}

void mapped_pages::mark(std::uint64_t at, std::uint64_t length, bool there) {
    if (memory_.empty() || length == 0) return;
    const std::uint64_t last = (at + length - 1 - begin_) / page;
    for (std::uint64_t number = (at - begin_) / page; number <= last; ++number) {
        const std::atomic_ref bits(bits_.get()[number / 64]);
        const std::uint64_t bit = std::uint64_t{1} << (number % 64);
        if (there) bits.fetch_or(bit, std::memory_order_release);
        else bits.fetch_and(~bit, std::memory_order_release);
    }
}

template <class Disk>
result<std::shared_ptr<memory_file_disk<Disk>>> memory_file_disk<Disk>::make(file_spec spec) {
    return std::shared_ptr<memory_file_disk>(new memory_file_disk(std::move(spec)));
}

template <class Disk>
void memory_file_disk<Disk>::map() {
    pages_ = std::make_unique<mapped_pages>(this->spec().fd, this->spec().offset, this->size());
}

template <class Disk>
std::error_code memory_file_disk<Disk>::read(std::uint64_t at, data_out& out) const {
    const int fd = this->spec().fd;
    at += this->spec().offset;
    if (const std::span<std::byte> buffer = out.buffer(); !buffer.empty()) {
        const std::error_code failed = read_all(fd, at, buffer);
        if (!failed) out.filled(buffer.size());
        return failed;
    }
    while (out.left() != 0 && !out.failed()) {
        const mapped_pages::run run = pages_->look(at, out.left());
        std::span<std::byte> bytes = run.there;
        if (bytes.empty()) {
            bytes = piece_of(run.unknown);
            if (const std::error_code failed = read_all(fd, at, bytes)) return failed;
        }
        out.give(bytes);
        at += bytes.size();
    }
    return out.failed();
}

template <class Disk>
std::error_code memory_file_disk<Disk>::write(std::uint64_t at, data_in& in) {
    const int fd = this->spec().fd;
    at += this->spec().offset;
    while (in.left() != 0) {
        std::span<const std::byte> bytes = in.buffer();
        const bool is_here = !bytes.empty();
        const mapped_pages::run run = pages_->look(at, in.left());
        if (!is_here && !run.there.empty()) {
            in.take(run.there);
            if (in.failed()) return in.failed();
            at += run.there.size();
            continue;
        }
        if (!is_here) {
            const std::span<std::byte> piece = piece_of(run.unknown);
            in.take(piece);
            if (in.failed()) return in.failed();
            bytes = piece;
        }
        if (const std::error_code failed = write_all(fd, at, bytes)) return failed;
        if (is_here) in.taken(bytes.size());
        pages_->are_there(at, bytes.size());
        at += bytes.size();
    }
    return {};
}

template <class Disk>
task<std::error_code> memory_file_disk<Disk>::write_zeroes(request& r) {
    pages_->may_be_gone(this->spec().offset + r.offset(), r.length());
    return Disk::write_zeroes(r);
}

template <class Disk>
task<std::error_code> memory_file_disk<Disk>::discard(request& r)
    requires std::derived_from<Disk, sparse_file_disk>
{
    pages_->may_be_gone(this->spec().offset + r.offset(), r.length());
    return Disk::discard(r);
}

template <class Disk>
result<> memory_file_disk<Disk>::resize(std::uint64_t bytes) {
    auto resized = Disk::resize(bytes);
    if (resized) map();
    return resized;
}

template class memory_file_disk<file_disk>;
template class memory_file_disk<sparse_file_disk>;

}  // namespace ashlar::targets
