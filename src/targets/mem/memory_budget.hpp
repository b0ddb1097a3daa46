// SPDX-License-Identifier: MIT
// How much memory a RAM disk may still take. The kernel hands out memory that it does not have and
// kills a process later; a disk that asks first can refuse a write instead.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace ashlar::targets {

// Threads: any. The kernel's figures are read once for every `step` bytes taken.
class memory_budget {
public:
    // `root` is where /proc and /sys are looked for: "" but in tests.
    explicit memory_budget(std::string root = "") : root_(std::move(root)) {}

    // False if the machine, or this process's control group, would be left with too little.
    bool take(std::uint64_t bytes);

    // What could be taken now: the smaller of the machine's available memory and what the control
    // groups allow, less a reserve for everybody else. Huge where nothing can be known.
    [[nodiscard]] std::uint64_t available() const;

    static constexpr std::uint64_t step = 16 << 20;

private:
    std::string root_;
    std::atomic<std::int64_t> credit_ = 0;
};

}  // namespace ashlar::targets
