// SPDX-License-Identifier: MIT
// The RAM disk. Its memory is mapped at once and costs nothing until it is written to; discard and
// write-zeroes give it back. What was never written reads as zeros and stays without memory.
//
// Threads: any. As with every disk, requests that overlap in time and place may leave either's
// data.
#pragma once

#include "targets/mem/mem_memory.hpp"
#include "targets/mem/memory_budget.hpp"

#include <ashlar/option.hpp>

#include <atomic>
#include <memory>
#include <vector>

namespace ashlar::targets {

class mem_disk {
public:
    static constexpr auto fence = ashlar::fence::process;

    // With a descriptor the contents are that file's (of make_memory), and outlive the disk.
    static result<std::shared_ptr<mem_disk>> make(std::uint64_t bytes, huge_pages pages,
                                                  std::unique_ptr<memory_budget> budget,
                                                  int file = -1, const numa& where = {});
    // Memory with a descriptor. The caller closes it.
    static result<int> make_memory(std::uint64_t bytes, huge_pages pages);
    ~mem_disk();
    mem_disk(const mem_disk&) = delete;
    mem_disk& operator=(const mem_disk&) = delete;

    [[nodiscard]] std::uint64_t size() const { return bytes_; }
    // What it grows by is zeros; what it shrinks by is given back. While nothing else is called.
    result<> resize(std::uint64_t bytes);
    [[nodiscard]] ashlar::geometry geometry() const;
    void read(std::uint64_t at, data_out& out) const;
    // ENOSPC, and nothing written, when the memory for it would be taken from everybody else.
    std::error_code write(std::uint64_t at, data_in& in);
    // Only where memory has been taken already.
    std::span<std::byte> place(std::uint64_t at, std::uint64_t length);
    std::error_code discard(std::uint64_t at, std::uint64_t length) { return zero(at, length); }
    std::error_code write_zeroes(std::uint64_t at, std::uint64_t length) {
        return zero(at, length);
    }

private:
    mem_disk(std::byte* memory, std::uint64_t bytes, std::uint64_t mapped, huge_pages pages,
             const numa& where, std::unique_ptr<memory_budget> budget);
    std::error_code zero(std::uint64_t at, std::uint64_t length);
    bool take_memory(std::uint64_t at, std::uint64_t bytes);
    [[nodiscard]] bool drop(std::uint64_t at, std::uint64_t length);
    result<> grow(std::uint64_t mapped);
    result<> grow_file(std::uint64_t mapped);
    void shrink(std::uint64_t mapped);
    void resize_table();
    void find_used();
    void zero_within_chunk(std::uint64_t at, std::uint64_t length);
    template <class F>
    void for_each_chunk(std::uint64_t at, std::uint64_t length, F&& f) const;

    [[nodiscard]] bool is_used(std::uint64_t chunk) const;
    void set_used(std::uint64_t chunk);
    void set_unused(std::uint64_t chunk);

    std::byte* memory_;
    std::uint64_t bytes_;
    std::uint64_t mapped_;
    std::uint64_t page_bytes_;
    unsigned chunk_shift_;
    huge_pages pages_;
    numa where_;
    std::unique_ptr<memory_budget> budget_;
    int file_ = -1;
    // A bit for each chunk: whether anything was written to it.
    std::vector<std::atomic<std::uint64_t>> used_;
};

extern const target_kind mem_kind;

}  // namespace ashlar::targets
