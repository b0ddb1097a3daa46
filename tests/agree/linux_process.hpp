// SPDX-License-Identifier: MIT
// A process of a sequence on Linux: a fork of the conductor with its threads, each of which takes
// numbers of steps from a socket and sends back what came of them.
#pragma once

#include "system.hpp"

#include <array>
#include <sys/types.h>

namespace agree {

inline constexpr std::uint32_t answer_everything = 0xffffffff;  // instead of a step

struct message {
    enum class kind : std::uint8_t { outcome, entered };
    std::uint32_t step = 0;
    kind what = kind::outcome;
    char text[1500] = {};
};

class linux_process {
public:
    linux_process(unsigned index, const sequence& what, board& shared)
        : index_(index), sequence_(what), board_(shared) {}
    ~linux_process();
    linux_process(const linux_process&) = delete;

    bool start();
    void hang_up(unsigned thread);
    void send(unsigned thread, std::uint32_t number);
    [[nodiscard]] int socket(unsigned thread) const { return sockets_[thread]; }
    [[nodiscard]] bool running() const { return pid_ > 0; }
    void kill();
    // True once, when it has ended.
    bool ended();

private:
    [[noreturn]] void body(const std::array<int, threads_max>& sockets);
    void become() const;

    unsigned index_;
    const sequence& sequence_;
    board& board_;
    pid_t pid_ = 0;
    std::array<int, threads_max> sockets_{-1, -1, -1};
};

}  // namespace agree
