// SPDX-License-Identifier: MIT
// Delivery and commit by batch (UBLK_F_BATCH_IO, Linux 7.0): the memory that the commands speak of,
// and what their completions mean. The queue puts them on its ring.
//
// One fetch command goes on for ever: each completion names a buffer of ours with the tags of
// requests that have come. Answers are gathered and go down in one commit command a turn. Its
// elements must stay where they are until it has completed, so there are two arrays of them: one
// is with the kernel while the next answers are gathered in the other. A tag is in one at most.
#pragma once

#include "os/ring.hpp"
#include "uapi/ublk.hpp"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

namespace ashlar::queue {

class batch {
public:
    struct spec {
        std::uint16_t queue, depth;
        bool with_address;          // plain copy: each element names the tag's buffer
        bool with_fallback;         // automatic registration, which may fail
        std::uint16_t group;        // of the ring's provided buffers: no other's
        std::uint16_t first_place;  // in the ring's table of buffers, for tag 0
        int file;                   // ublkcN as entries name it
        std::uint8_t file_flag;     // … IOSQE_FIXED_FILE, or 0
    };
    static result<std::unique_ptr<batch>> open(os::machine& m, os::ring& r, const spec& s);
    ~batch();
    // Of a ring that goes on; nothing is with the kernel.
    void let_go(os::ring& r) noexcept;
    void abandon() noexcept { spec_.file = -1, spec_.file_flag = 0; }
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    // Gathers an answer, or before the first commit a tag to be given to the kernel.
    void add(std::uint16_t tag, std::int32_t outcome, std::uint64_t address) noexcept;
    [[nodiscard]] bool has_gathered() const noexcept { return gathered_ != 0; }
    // Takes back what was gathered and not sent.
    void clear() noexcept { gathered_ = 0; }

    // PREP_IO_CMDS of what was gathered, which stays.
    void fill_prepare(io_uring_sqe& entry) noexcept;
    void fill_fetch(io_uring_sqe& entry) noexcept;

    // True if a commit has something to send and an array to gather in meanwhile.
    [[nodiscard]] bool can_commit() const noexcept { return gathered_ != 0 && left_ == 0; }
    void fill_commit(io_uring_sqe& entry) noexcept;
    // A commit command has completed. Gives the tag of an element that was refused, if one was.
    // Unless `commit_left` is 0 then, what is left has to be sent: fill_rest.
    std::optional<std::uint16_t> committed(int outcome) noexcept;
    [[nodiscard]] unsigned commit_left() const noexcept { return left_; }
    void fill_rest(io_uring_sqe& entry) noexcept;

    // The tags that a completion of the fetch command has brought, and its buffer back to the
    // kernel.
    [[nodiscard]] std::span<const std::uint16_t> tags(int outcome, unsigned flags) const noexcept;
    void give_back(unsigned flags) noexcept;

private:
    batch(os::machine& m, const spec& s) : machine_(m), spec_(s) {}
    void fill(io_uring_sqe& entry, uapi::io_op op, const std::byte* elements, unsigned count,
              std::uint16_t flags) noexcept;
    [[nodiscard]] std::byte* element(unsigned array, unsigned n) const noexcept;

    os::machine& machine_;
    spec spec_;
    std::span<std::byte> memory_;
    io_uring_buf_ring* provided_ = nullptr;
    std::uint16_t* tags_ = nullptr;
    std::byte* elements_ = nullptr;
    std::uint16_t flags_ = 0;
    unsigned element_bytes_ = 0;
    unsigned gathering_ = 0;  // the array
    unsigned gathered_ = 0;   // elements in it
    unsigned first_ = 0;      // of the other array: the first element that the kernel has
    unsigned left_ = 0;       // … and how many from there
};

inline std::byte* batch::element(unsigned array, unsigned n) const noexcept {
    return elements_ + (std::size_t{array} * spec_.depth + n) * element_bytes_;
}

inline void batch::add(std::uint16_t tag, std::int32_t outcome, std::uint64_t address) noexcept {
    std::byte* place = element(gathering_, gathered_++);
    const uapi::elem_header header{.tag = tag,
                                   .buf_index = static_cast<std::uint16_t>(spec_.first_place + tag),
                                   .result = outcome};
    std::memcpy(place, &header, sizeof header);
    if (spec_.with_address) std::memcpy(place + sizeof header, &address, sizeof address);
}

}  // namespace ashlar::queue
