// SPDX-License-Identifier: MIT
// How a running server tells about itself, and is told: one question and one answer, a line of JSON
// each, on a Unix socket beside the device's record. Only root may ask (the socket's mode).
#pragma once

#include <ashlar/serve.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace ashlar::device_room {

class status_socket {
public:
    static result<status_socket> open(std::uint32_t id);
    status_socket(status_socket&& other) noexcept;
    status_socket& operator=(status_socket&&) = delete;
    ~status_socket();

    [[nodiscard]] int fd() const { return fd_; }
    // Takes one caller and answers its question, a line. A caller that asks nothing within a second
    // is left alone.
    void answer_one(const std::function<std::string(std::string_view)>& answer) const;

private:
    explicit status_socket(int fd) : fd_(fd) {}
    int fd_;
};

inline constexpr std::string_view status_question = "{\"verb\":\"status\"}\n";

// The server's answer, a JSON document; an error if there is no server or it does not answer.
result<std::string> ask_status(std::uint32_t id);
// The same for any question, a line.
result<std::string> ask_server(std::uint32_t id, std::string_view question, int limit_seconds);

}  // namespace ashlar::device_room
