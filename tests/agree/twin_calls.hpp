// SPDX-License-Identifier: MIT
// The calls of a process of the twin.
#pragma once

#include "system.hpp"
#include "twin/process.hpp"

namespace agree {

class twin_calls final : public calls {
public:
    explicit twin_calls(ashlar::twin::process& of) : process_(of) {}
    ~twin_calls() override;
    int open(const std::string& path, int flags) override;
    int close(int fd) override;
    long map(int fd, std::size_t bytes, std::uint64_t position, int protection,
             bool shared) override;
    int unmap(std::byte* at, std::size_t bytes) override;
    int protect(std::byte* at, std::size_t bytes, int protection) override;
    long pread(int fd, void* to, std::size_t bytes, std::uint64_t position) override;
    long pwrite(int fd, const void* from, std::size_t bytes, std::uint64_t position) override;
    int flush(int fd) override;
    int discard(int fd, std::uint64_t from, std::uint64_t bytes) override;
    int zero(int fd, std::uint64_t from, std::uint64_t bytes) override;
    int ring_open(io_uring& ring, unsigned entries, unsigned setup_flags) override;
    void ring_close(io_uring& ring) override;
    int ring_register(io_uring& ring, unsigned opcode, const void* what, unsigned count) override;
    int ring_submit(io_uring& ring) override;
    void ring_poll(io_uring& ring) override;
    std::byte* memory(std::size_t bytes) override;

private:
    ashlar::twin::open_file* disk_file(int fd);
    long transfer(int fd, std::byte* data, std::size_t bytes, std::uint64_t position, bool write);
    int perform(int fd, uapi::op what, std::uint64_t from, std::uint64_t bytes, std::byte* data,
                std::uint32_t flags = 0);

    ashlar::twin::process& process_;
    std::vector<std::pair<void*, std::size_t>> memory_;
    std::vector<std::pair<std::byte*, std::span<const std::byte>>> mapped_;
};

}  // namespace agree
