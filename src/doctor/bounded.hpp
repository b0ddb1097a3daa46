// SPDX-License-Identifier: MIT
// Work in a process of its own, which is left behind if it does not end in time: so that what hangs
// in the kernel does not hang whoever asked for it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ashlar::doctor {

class helper {
public:
    // Runs `work` in a child, which may send lines and wait for a word. Exits with what it returns.
    struct channel {
        int out, in;
        void say(std::string_view line) const;
        void await_word() const;  // or the parent's end
    };
    explicit helper(const std::function<int(const channel&)>& work);
    ~helper();  // kills it, and does not wait for long
    helper(const helper&) = delete;
    helper& operator=(const helper&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    // The next line; nothing when the time is over or the child has closed its end.
    std::optional<std::string> line(std::uint64_t limit_ns);
    void send_word() const;
    // Its exit status; nothing when the time is over. A child that was killed gives 128 + signal.
    std::optional<int> end(std::uint64_t limit_ns);

private:
    pid_t pid_ = -1;
    int from_ = -1, to_ = -1;
    std::string pending_;
    std::optional<int> status_;
};

}  // namespace ashlar::doctor
