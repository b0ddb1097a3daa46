// SPDX-License-Identifier: MIT
// A file that lives in memory (tmpfs), as a disk. io_uring has a thread of its own do each read and
// write of such a file, at twice the cost of doing it at once; there is no disk to wait for.
//
// Threads: any number of queues.
#pragma once

#include "targets/file/file_disk.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>

namespace ashlar::targets {

// The file's own pages, mapped, so that the kernel can copy between them and a request: once, where
// a read(2) and a copy to the request are two. Of the pages it is known which ones are there:
// a look at one that is not there would take memory for it.
//
// Only the kernel may touch the mapping: where the file has been cut, its copy fails, and a load of
// our own would end the process.
class mapped_pages {
public:
    static constexpr std::uint64_t page = 4096;

    // So many bytes of the file from `at` on; to be written to if it is open for that. Without room
    // for the mapping no page is ever known.
    mapped_pages(int fd, std::uint64_t at, std::uint64_t bytes);
    ~mapped_pages();
    mapped_pages(const mapped_pages&) = delete;
    mapped_pages& operator=(const mapped_pages&) = delete;

    struct run {
        std::span<std::byte> there;  // in memory; or empty
        std::uint64_t unknown = 0;   // … and then so many bytes may be anywhere
    };
    // What is known of the first of so many bytes of the file from `at` on.
    [[nodiscard]] run look(std::uint64_t at, std::uint64_t length) const;
    // Whole pages, and the parts of pages at both ends.
    void are_there(std::uint64_t at, std::uint64_t length) { mark(at, length, true); }
    void may_be_gone(std::uint64_t at, std::uint64_t length) { mark(at, length, false); }

private:
    [[nodiscard]] bool is_known(std::uint64_t number) const;
    void find_data(int fd);
    void mark(std::uint64_t at, std::uint64_t length, bool there);

    std::uint64_t begin_;  // of the mapping in the file
    std::span<std::byte> memory_;
    std::unique_ptr<std::uint64_t, void (*)(void*)> bits_;  // one for each page
};

// Disk: file_disk, or sparse_file_disk where it may have holes.
template <class Disk>
class memory_file_disk final : public Disk {
public:
    static result<std::shared_ptr<memory_file_disk>> make(file_spec spec);

    static constexpr auto durability = ashlar::durability::none;
    static constexpr bool passes_data = false;
    std::error_code read(std::uint64_t at, data_out& out) const;
    std::error_code write(std::uint64_t at, data_in& in);
    task<std::error_code> write_zeroes(request& r);
    task<std::error_code> discard(request& r)
        requires std::derived_from<Disk, sparse_file_disk>;
    result<> resize(std::uint64_t bytes);

private:
    explicit memory_file_disk(file_spec spec) : Disk(std::move(spec)) { map(); }
    void map();

    std::unique_ptr<mapped_pages> pages_;
};

}  // namespace ashlar::targets
