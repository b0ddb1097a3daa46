// SPDX-License-Identifier: MIT
// What is known of one call, gathered from bytes and words: the facts for the rules.
#pragma once

#include "explain/shape.hpp"
#include "rules/row.hpp"

#include <optional>
#include <string>

namespace ashlar::explain {

struct evidence {
    rules::kernel kernel;
    rules::subject about = rules::subject::entry;
    rules::call c = {};
    uapi::ctrl_dev_info info = {};  // sent with ADD_DEV
    uapi::params params = {};
    uapi::shmem_buf_reg buffer = {};
    uapi::batch_io batch = {};
    std::size_t entry_bytes = 0;                // of the submission entry, if it was seen
    std::optional<std::size_t> header_at = {};  // where the header stands, if not at 48
    bool header_seen = false;
    bool personality_set = false;  // hardly anybody means it

    explicit evidence(const rules::kernel& k) : kernel(k) {}
    evidence(const evidence&) = delete;
    evidence& operator=(const evidence&) = delete;

    void take_command(std::uint32_t number);
    void take_entry(std::span<const std::uint8_t> bytes);
    void take_header(std::span<const std::uint8_t> bytes);  // also a part of one
    void take_info(std::span<const std::uint8_t> bytes);    // the payload of ADD_DEV
    void take_device(std::span<const std::uint8_t> bytes);  // what ADD_DEV or GET_DEV_INFO gave
    void take_params(std::span<const std::uint8_t> bytes);
    void take_io(std::span<const std::uint8_t> bytes);
    void take_batch(std::span<const std::uint8_t> bytes);
    void take_buffer(std::span<const std::uint8_t> bytes);
    // The right one of these; false for a form that says nothing of a call.
    bool take(shape s, std::span<const std::uint8_t> bytes);
    // When all is taken: what follows from it.
    void settle();
};

// The subject of a command's number, control or I/O.
rules::subject subject_of_number(std::uint32_t number);
// "ADD_DEV", "mmap of ublkcN".
std::string_view name(rules::subject s);
bool is_control(rules::subject s);
bool is_file(rules::subject s);

}  // namespace ashlar::explain
