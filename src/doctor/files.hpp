// SPDX-License-Identifier: MIT
// The files of a machine, below a root: of /proc, /sys and /dev, or of a directory that imitates
// them. Nothing here opens a device or follows a link to a file of somebody else's, so that nothing
// waits for a disk that does not answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ashlar::doctor {

class files {
public:
    explicit files(std::string root = {}) : root_(std::move(root)) {}

    [[nodiscard]] std::optional<std::string> text(const std::string& path) const;
    // The same, given up after a second: what tells about a process's memory (/proc/PID/maps) waits
    // for a lock that a stuck process may hold.
    struct answer {
        bool in_time = false;
        std::optional<std::string> text = {};
    };
    [[nodiscard]] answer text_in_time(const std::string& path) const;
    [[nodiscard]] std::string first_line(const std::string& path) const;  // empty without a file
    [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
    [[nodiscard]] std::string link(const std::string& path) const;  // where it points to
    [[nodiscard]] bool exists(const std::string& path) const;
    // When it was last changed, in seconds of the epoch; 0 without it.
    [[nodiscard]] std::int64_t changed(const std::string& path) const;
    [[nodiscard]] bool may_write(const std::string& path) const;
    [[nodiscard]] std::string real(const std::string& path) const { return root_ + path; }

private:
    std::string root_;
};

std::vector<std::string> lines_of(std::string_view text);
std::vector<std::string> words_of(std::string_view text);
std::optional<std::uint64_t> number_of(std::string_view text);  // all of it, decimal
// What stands behind "LABEL" in a line that begins with it; empty if none does.
std::string field_of(std::string_view text, std::string_view label);

}  // namespace ashlar::doctor
