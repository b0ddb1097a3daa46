// SPDX-License-Identifier: MIT
// The contract of the ublk driver: one row for each condition by which it refuses a call, holds it
// up, or changes it without a word. Rows stand in the order in which the driver tests them, so the
// first one that a call breaks is the driver's answer.
#pragma once

#include "rules/call.hpp"
#include "rules/kernel.hpp"

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace ashlar::rules {

enum class effect : std::uint8_t {
    refuses,   // with the row's errno
    blocks,    // until the condition is gone
    silently,  // accepted, but not as it was meant
};

// Which part of the kernel looks.
enum class stage : std::uint8_t { ring, driver };

struct row {
    std::string_view id;             // "ADD-2", as in the reference
    std::span<const subject> about;  // the calls that come by here
    range kernels = {};
    enum stage stage = stage::driver;
    effect what = effect::refuses;
    int error = 0;  // positive; 0 where error_of tells
    maybe (*breaks)(const kernel&, const call&) = nullptr;
    int (*error_of)(const call&) = nullptr;
    std::string_view means = {};   // one sentence
    std::string_view mend = {};    // what to do
    std::string_view log = {};     // what the kernel's log says, if it does
    std::string_view source = {};  // function of the driver, or where else it was seen

    [[nodiscard]] int code(const call& c) const { return error_of ? error_of(c) : error; }
};

// All rows, of all kernels, in their order.
std::span<const row> all_rows();

// The rows of one kernel, by subject.
class contract {
public:
    explicit contract(const kernel& k);

    [[nodiscard]] const kernel& of() const { return kernel_; }
    // The first row that the call certainly breaks (refuses or blocks), or null: it is accepted.
    // Costs a few comparisons a row and allocates nothing.
    [[nodiscard]] const row* first_broken(subject s, const call& c,
                                          stage where = stage::driver) const;
    // For those who don't know everything: every row that may be the answer, in order; the last is
    // certain if one is. Rows that change something silently are told as well.
    struct candidate {
        const row* which;
        maybe broken;
    };
    [[nodiscard]] std::vector<candidate> candidates(subject s, const call& c) const;
    [[nodiscard]] std::span<const row* const> rows_of(subject s, stage where) const;

private:
    static constexpr std::size_t subjects = static_cast<std::size_t>(subject::open_block) + 1;
    kernel kernel_;
    std::array<std::vector<const row*>, subjects> ring_, driver_;
};

}  // namespace ashlar::rules
