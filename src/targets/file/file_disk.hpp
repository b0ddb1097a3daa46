// SPDX-License-Identifier: MIT
// A file or block device as a disk, by I/O on the ring of each request's queue. What opens it,
// finds out its shape and locks it is elsewhere (open_file.hpp): these know descriptors only, and
// run on the twin as they run on Linux.
//
// Threads: any number of queues.
#pragma once

#include "targets/file/sync_gate.hpp"

#include <ashlar/target.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace ashlar::targets {

struct file_spec {
    std::string name = {};  // for messages
    int fd = -1;
    std::uint64_t offset = 0;  // bytes of the file in front of the disk
    std::uint64_t bytes = 0;   // of the disk
    ashlar::geometry geometry = {};
    bool block_device = false;
    bool any_memory = true;  // I/O of memory at any multiple of 512 bytes
    bool gives_back = true;  // discard and write-zeroes may free what they cover
    unsigned queues = 1;     // as many as are expected
    // One more open file description of the same file: a descriptor, or a negative errno. All of
    // them, and `fd`, live as long as this function.
    std::function<int()> open_again = {};
    // Makes the file long enough for a disk of so many bytes, where it may be too short.
    std::function<result<>(std::uint64_t)> make_room = {};
    // Bytes that the file has now behind `offset`; blocks for no longer than fstat(2) does.
    std::function<result<std::uint64_t>()> bytes_now = {};
};

class file_disk {
public:
    // Opens the file once more for each queue. An error names the file.
    static result<std::shared_ptr<file_disk>> make(file_spec spec);
    virtual ~file_disk() = default;
    file_disk(const file_disk&) = delete;
    file_disk& operator=(const file_disk&) = delete;

    static constexpr auto durability = ashlar::durability::volatile_cache;
    // I/O under way keeps the lock of the file, which a successor waits for.
    static constexpr auto fence = ashlar::fence::release;
    [[nodiscard]] bool passes_data() const { return spec_.any_memory; }
    [[nodiscard]] std::uint64_t size() const { return spec_.bytes; }
    [[nodiscard]] ashlar::geometry geometry() const { return spec_.geometry; }
    // The file grows where it is too short, and is never cut. While nothing else is called.
    result<> resize(std::uint64_t bytes);
    // What the disk would have if it were opened now: more, where the file has grown.
    [[nodiscard]] result<std::uint64_t> size_now() const { return spec_.bytes_now(); }

    task<std::error_code> read(request& r);
    task<std::error_code> write(request& r);
    task<std::error_code> flush(request& r);
    task<std::error_code> write_zeroes(request& r);

protected:
    explicit file_disk(file_spec spec) : spec_(std::move(spec)) {}
    // Takes a description for each queue that is expected.
    result<> open_gates();
    [[nodiscard]] const file_spec& spec() const { return spec_; }

private:
    sync_gate* gate_of(const ring_io& queue);
    std::error_code remember(std::error_code failed);

    file_spec spec_;
    std::mutex gates_mutex_;
    std::deque<sync_gate> gates_;  // grows, and never moves what is in it
    std::atomic<int> lost_ = 0;    // the errno of the first sync that failed
    std::atomic<bool> can_punch_ = true, can_zero_ = true;
};

// The same for files that can have holes, and devices that take discards.
class sparse_file_disk : public file_disk {
public:
    static result<std::shared_ptr<sparse_file_disk>> make(file_spec spec);
    task<std::error_code> discard(request& r);

protected:
    explicit sparse_file_disk(file_spec spec) : file_disk(std::move(spec)) {}

private:
    std::atomic<bool> has_discard_command_ = true;
};

}  // namespace ashlar::targets
