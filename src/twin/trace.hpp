// SPDX-License-Identifier: MIT
// What happened, step by step: a hash of all of it, by which two runs are compared, and the last
// part of it for a person to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ashlar::twin {

class trace {
public:
    // `what` is a literal; it may hold {} for each of the numbers, in their order.
    void add(const char* what, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
             std::uint64_t d = 0) {
        for (std::uint64_t v : {a, b, c, d}) mix(v);
        for (const char* p = what; *p != '\0'; ++p)
            hash_ = (hash_ ^ static_cast<unsigned char>(*p)) * prime;
        if (!kept_.empty()) kept_[count_ % kept_.size()] = {time_, what, {a, b, c, d}};
        count_ += 1;
    }
    void set_time(std::uint64_t ns) { time_ = ns; }
    // How many of the last entries are kept; none by default.
    void keep(std::size_t entries) { kept_.resize(entries); }

    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    // The entries that were kept, a line each, oldest first.
    [[nodiscard]] std::string text() const;

private:
    static constexpr std::uint64_t prime = 0x100000001b3;
    struct entry {
        std::uint64_t time;
        const char* what;
        std::uint64_t numbers[4];
    };
    void mix(std::uint64_t v) {
        hash_ ^= v + 0x9e3779b97f4a7c15 + (hash_ << 6) + (hash_ >> 2);
        hash_ *= prime;
    }
    std::vector<entry> kept_;
    std::uint64_t hash_ = 0xcbf29ce484222325, count_ = 0, time_ = 0;
};

}  // namespace ashlar::twin
