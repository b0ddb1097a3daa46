// SPDX-License-Identifier: MIT
// How a running server tells about itself: one question and one answer, a line of JSON each, on a
// Unix socket beside the device's record. Only root may ask (the socket's mode).
#pragma once

#include <ashlar/serve.hpp>

#include <string>

namespace ashlar::device_room {

class status_socket {
public:
    static result<status_socket> open(std::uint32_t id);
    status_socket(status_socket&& other) noexcept;
    status_socket& operator=(status_socket&&) = delete;
    ~status_socket();

    [[nodiscard]] int fd() const { return fd_; }
    // Takes one caller and answers it. A caller that asks nothing within a second is left alone.
    void answer_one(const std::string& status) const;

private:
    explicit status_socket(int fd) : fd_(fd) {}
    int fd_;
};

// The server's answer, a JSON document; an error if there is no server or it does not answer.
result<std::string> ask_status(std::uint32_t id);

}  // namespace ashlar::device_room
