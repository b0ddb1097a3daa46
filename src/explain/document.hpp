// SPDX-License-Identifier: MIT
// A report or a log, read line by line into what was seen in it.
#pragma once

#include "explain/hex.hpp"
#include "explain/words.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ashlar::explain {

// A command and what came of it.
struct sighting {
    rules::subject about;
    outcome told;
    std::vector<std::size_t> lines;
};

// Bytes and what they are, or the same made of named numbers ("queues=1, depth=32").
struct dump {
    shape of;
    std::vector<std::uint8_t> bytes;
    std::size_t line = 0;
    bool named = false;
};

template <class T>
struct placed {
    T value;
    std::size_t line;
};

// What came of a submission entry, known by its user_data.
struct completion {
    std::uint64_t user_data = 0;
    std::int64_t result = 0;
    bool never = false;  // it did not come
};

struct document {
    std::vector<std::string_view> lines;
    bool about_ublk = false;
    std::string_view kernel;  // the release that it names
    std::vector<sighting> sightings;
    std::vector<dump> dumps;
    std::vector<blob> blobs;  // all of them
    std::vector<blob> unknown_blobs;
    std::vector<placed<completion>> completions;
    std::vector<placed<std::uint8_t>> opcodes;
    std::vector<placed<std::uint32_t>> command_numbers;
    std::vector<placed<std::uint64_t>> entry_addresses;
    std::vector<placed<bool>> map_writable;
    std::vector<placed<std::string_view>> kernel_log;
    std::vector<placed<std::string_view>> loose_errors;  // an errno of nobody

    [[nodiscard]] bool succeeded(rules::subject s) const;
    // Forgets what these lines seemed to tell: they are understood otherwise.
    void forget(const std::set<std::size_t>& told);
};

document read_document(std::string_view text);

// The one that stands nearest to any of the lines, if one is near enough.
template <class T>
const T* nearest(const std::vector<T>& all, const std::vector<std::size_t>& lines,
                 std::size_t within = 120) {
    const T* best = nullptr;
    std::size_t least = within + 1;
    for (const T& one : all) {
        for (std::size_t line : lines) {
            const std::size_t distance = one.line > line ? one.line - line : line - one.line;
            if (distance < least) {
                least = distance;
                best = &one;
            }
        }
    }
    return best;
}

}  // namespace ashlar::explain
